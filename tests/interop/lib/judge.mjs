// Compares what works directly with what works through the portal, and prints one table.
//
// A run is { server, client, mode, via, cases, asked }: via is 'direct' or a way through the portal; cases maps a name to
// { status, detail }; asked, if given, is what the client was to try. What a row through the portal owes:
//
// * the same client reaches the server directly: whatever passes there;
// * it cannot (another era, another transport): whatever any client gets from that server directly, of the same era if
//   one gets there at all.
//
// A cancelled call must also be known to the server within a second.

const CANCEL_WITHIN_MS = 1000;

const passes = result => result?.status === 'pass';

/** Whether the client got anywhere: some connect without a word to the server, and some errors are as expected. */
const reaches = run => passes(run?.cases.connect) && Object.entries(run.cases).some(([name, result]) => !['connect', 'close', 'unknown_tool'].includes(name) && passes(result));

function isLate(name, result) {
    const [, ms] = /after (\d+) ms/.exec(result.detail) ?? [];
    return name === 'cancel' && Number(ms) > CANCEL_WITHIN_MS;
}

/** Returns { rows, names, lost }: rows with a mark per case, the cases in order, and what fails though it must not. */
export function judge(runs) {
    const names = [...new Set(runs.flatMap(run => Object.keys(run.cases)))].filter(name => name !== 'close');
    const direct = runs.filter(run => run.via === 'direct');
    const lost = [];
    const rows = runs.filter(run => run.via !== 'direct').map(run => {
        const itself = direct.find(one => one.server === run.server && one.client === run.client && one.mode === run.mode);
        const connects = reaches(itself);
        const others = direct.filter(one => one.server === run.server && reaches(one));
        const alike = others.filter(one => one.mode === run.mode);
        const anyone = alike.length > 0 ? alike : others;
        const marks = names.map(name => {
            const result = run.cases[name];
            const isOwed = connects ? passes(itself.cases[name])
                : (run.asked?.includes(name) ?? true) && anyone.some(one => passes(one.cases[name])) && (result !== undefined || run.mode !== 'default');
            if (passes(result) && !isLate(name, result)) return connects && isOwed ? 'ok' : '+';
            if (!isOwed) return result === undefined || result.status === 'n/a' ? '-' : 'x';
            const why = passes(result) ? `too late: ${result.detail}` : result?.detail;
            lost.push({ ...run, name, why, rule: connects ? 'passes directly' : 'another client gets it' });
            return 'LOST';
        });
        return { ...run, marks, direct: connects ? 'yes' : 'no' };
    });
    return { rows, names, lost };
}

/** Prints the table and what is lost; returns whether nothing is. */
export function print({ rows, names, lost }) {
    const letters = names.map((_, at) => String.fromCharCode(97 + at));
    const head = ['server', 'via', 'client', 'mode', 'version', 'direct', ...letters];
    const version = run => (passes(run.cases.connect) ? run.cases.connect.detail.split(',')[0] : '');
    table(head, rows.map(run => [run.server, run.via, run.client, run.mode, version(run), run.direct, ...run.marks]));
    console.log(letters.map((letter, at) => `${letter} ${names[at]}`).join(', ') + '\n');
    console.log('ok: as directly   +: only through the portal   x: fails, as directly   -: not offered   LOST: must pass\n');
    const shown = rows.flatMap(run => run.marks);
    const count = mark => shown.filter(one => one === mark).length;
    // A case without a reason was not reached: the row of `connect` says why.
    const told = lost.filter(one => one.why !== undefined);
    if (told.length > 0) table(['lost', 'case', 'why'], told.map(one => [`${one.server} ${one.via} ${one.client}/${one.mode} (${one.rule})`, one.name, one.why]));
    console.log(`${count('ok')} as directly, ${count('+')} only through the portal, ${count('x')} fail as directly, ${lost.length} lost`);
    return lost.length === 0 && count('ok') + count('+') > 0;
}

export function table(head, rows) {
    const width = head.map((name, at) => Math.max(name.length, ...rows.map(row => String(row[at]).length)));
    const line = cells => cells.map((cell, at) => String(cell).padEnd(width[at])).join(' ').trimEnd();
    console.log([line(head), ...rows.map(line)].join('\n') + '\n');
}
