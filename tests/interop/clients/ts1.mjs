// The TypeScript SDK v1 as a client: it knows the initialize era only.
// The address may also be sse:http://... or stdio:["command","argument",...].
import { load } from '../lib/packages.mjs';

const { completion, fillForm, runCases } = await import(`${process.env.PORTCULLIS_KIT}/lib/cases.mjs`);
const { Client } = load('@modelcontextprotocol/sdk/client/index.js');
const { SSEClientTransport } = load('@modelcontextprotocol/sdk/client/sse.js');
const { StdioClientTransport } = load('@modelcontextprotocol/sdk/client/stdio.js');
const { StreamableHTTPClientTransport } = load('@modelcontextprotocol/sdk/client/streamableHttp.js');
const types = load('@modelcontextprotocol/sdk/types.js');

function transportTo(address) {
    const [scheme, rest] = address.split(/:(.*)/s);
    if (scheme === 'sse') return new SSEClientTransport(new URL(rest));
    if (scheme !== 'stdio') return new StreamableHTTPClientTransport(new URL(address));
    const [command, ...args] = JSON.parse(rest);
    return new StdioClientTransport({ command, args, env: process.env, stderr: 'ignore' });
}

await runCases(async address => {
    const roots = process.env.INTEROP_ROOTS === 'none' ? {} : { roots: {} };
    const client = new Client({ name: 'interop-ts1', version: '1.0.0' }, { capabilities: { sampling: {}, elicitation: {}, ...roots } });
    client.setRequestHandler(types.ElicitRequestSchema, ({ params }) => ({ action: 'accept', content: fillForm(params.requestedSchema) }));
    client.setRequestHandler(types.CreateMessageRequestSchema, () => completion);
    if (roots.roots) client.setRequestHandler(types.ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///kit', name: 'kit' }] }));
    const transport = transportTo(address);
    await client.connect(transport);
    const listen = (schema, heard) => client.setNotificationHandler(schema, ({ params }) => heard(params));
    return {
        version: transport.protocolVersion ?? '(not told)',
        server: client.getServerVersion()?.name,
        listTools: () => client.listTools(),
        callTool: (name, args, { log, ...options } = {}) => client.callTool({ name, arguments: args }, undefined, options),
        readResource: uri => client.readResource({ uri }),
        getPrompt: (name, args) => client.getPrompt({ name, arguments: args }),
        complete: (ref, argument) => client.complete({ ref, argument }),
        setLevel: level => client.setLoggingLevel(level),
        watchLogs() {
            const lines = [];
            listen(types.LoggingMessageNotificationSchema, line => lines.push(line));
            return lines;
        },
        watchTools: async changed => void listen(types.ToolListChangedNotificationSchema, changed),
        async watchResource(uri, updated) {
            listen(types.ResourceUpdatedNotificationSchema, note => updated(note.uri));
            await client.subscribeResource({ uri });
            return () => client.unsubscribeResource({ uri });
        },
        async close() {
            await transport.terminateSession?.();
            await client.close();
        }
    };
});
