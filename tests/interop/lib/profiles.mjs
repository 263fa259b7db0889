// What the client cases call on servers that are not ours; the form is that of profiles/kit.json of the client kit.

/**
 * @modelcontextprotocol/server-everything. Its logs and updates of resources are switched on and off by one tool, for a
 * session; clients that share one behind the portal would switch them off for each other.
 */
export const everything = () => ({
    list_tools: { expect: ['echo', 'get-sum', 'trigger-long-running-operation'] },
    call_tool: { tool: 'echo', args: { message: 'héllo 世界 🌍' }, text: 'Echo: héllo 世界 🌍' },
    structured: { tool: 'get-structured-content', args: { location: 'New York' } },
    tool_error: { tool: 'get-sum', args: { a: 'one', b: 2 }, text: 'nvalid' },
    unknown_tool: { tool: 'no_such_tool', args: {} },
    // The last notification and the result come at once; see fleet.mjs.
    progress: { tool: 'trigger-long-running-operation', args: { duration: 0.2, steps: 4 }, min: 3 },
    elicitation: { tool: 'trigger-elicitation-request', args: {}, text: 'Ada' },
    sampling: { tool: 'trigger-sampling-request', args: { prompt: 'hi' }, text: 'forty-two' },
    read_resource: { uri: 'demo://resource/static/document/features.md', text: 'Everything' },
    read_template: { uri: 'demo://resource/dynamic/text/7', text: '7' },
    get_prompt: { name: 'args-prompt', args: { city: 'Oslo' }, text: 'Oslo' },
    complete: { prompt: 'completable-prompt', argument: 'department', value: 'E', expect: 'Engineering' },
    parallel: { tool: 'echo', n: 20 }
});

/** @modelcontextprotocol/server-filesystem, allowed to see one folder, which `fill` made. */
export const files = folder => ({
    list_tools: { expect: ['read_text_file', 'list_allowed_directories'] },
    call_tool: { tool: 'read_text_file', args: { path: `${folder}/small.txt` }, text: SMALL },
    structured: { tool: 'read_text_file', args: { path: `${folder}/small.txt` }, value: { content: SMALL } },
    tool_error: { tool: 'read_text_file', args: { path: '/etc/hostname' }, text: 'Access denied' },
    unknown_tool: { tool: 'no_such_tool', args: {} },
    big: { tool: 'read_text_file', args: { path: `${folder}/big.txt` }, length: 900000 },
    huge: { tool: 'read_text_file', args: { path: `${folder}/huge.txt` }, length: 3000000 }
});
const SMALL = 'héllo 世界 🌍\n"quoted" \\';

/** The files of that folder, by name. */
export const fill = { 'small.txt': SMALL, 'big.txt': 'x'.repeat(900000), 'huge.txt': 'x'.repeat(3000000) };
