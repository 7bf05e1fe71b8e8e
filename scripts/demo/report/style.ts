/** The page's only style; dark or light as the reader's system is. */
export const STYLE = `
:root { color-scheme: light dark; --paper: #fbfaf7; --ink: #1d1f21; --faint: #6b6f76; --line: #dedbd2; --card: #fff;
  --good: #2f7d4f; --bad: #c0392b; --cool: #3567a8; --rail: #eceae3; }
@media (prefers-color-scheme: dark) { :root { --paper: #15171a; --ink: #e8e6e1; --faint: #989ca3; --line: #31353b;
  --card: #1d2024; --good: #5cb880; --bad: #ff7463; --cool: #7aa9e6; --rail: #2a2e34; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 60rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .6rem; padding-top: .8rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p { margin: .4rem 0; }
small, .lead, .count { color: var(--faint); }
code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere; }
.figure { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); gap: 1.5rem;
  align-items: start; }
.pixels { width: min(100%, 15rem); background: var(--card); border: 1px solid var(--line); fill: var(--ink); display: block;
  margin: 0 auto; }
.prompt { margin: 0; padding: 1rem; background: var(--card); border: 1px solid var(--line); font: 1.1rem/1.5 ui-monospace,
  monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.caret { color: var(--cool); }
.bar { display: grid; grid-template-columns: 3.2rem 1fr minmax(4rem, max-content); gap: .6rem; align-items: center; line-height: 1.75; }
.bar b { text-align: right; font-weight: 500; }
.bar.best b, .bar.best .figure { font-weight: 700; }
.rail { position: relative; display: block; height: .7rem; background: var(--rail); border-radius: 2px; overflow: hidden; }
.rail i { position: absolute; left: 0; top: 0; bottom: 0; background: var(--cool); }
.rail i.was { background: var(--good); opacity: .45; }
.lie .rail i { background: var(--bad); }
.lie .rail i.was { background: var(--good); }
.lie .rail i:not(.was) { top: 35%; }
.verdict { border-left: 4px solid var(--bad); background: var(--card); padding: .6rem 1rem; margin: .8rem 0; }
.verdict strong, .wrong strong { color: var(--bad); }
dl { display: grid; grid-template-columns: auto 1fr; gap: .1rem .8rem; margin: .6rem 0 0; font-size: .9rem; }
dt { color: var(--faint); } dd { margin: 0; }
.good { border-left-color: var(--good); }
.good strong { color: var(--good); }
.trace { list-style: none; margin: .5rem 0; padding: 0; font-size: .85rem; }
.kernel { display: grid; grid-template-columns: 1.8rem minmax(0, 15rem) minmax(4rem, 1fr) 9rem; gap: 0 .7rem;
  align-items: center; padding: .25rem .4rem; border-bottom: 1px solid var(--line); }
.does > span, .does small { display: block; line-height: 1.35; }
.kernel .count { text-align: right; }
.kernel.forged { background: color-mix(in srgb, var(--bad) 12%, transparent); }
.kernel.differs .count, .kernel.forged .count { color: var(--bad); }
.strip { width: 100%; height: 1.2rem; fill: var(--bad); display: block; }
.strip .ground { fill: var(--rail); }
.strip .mark { fill: var(--ink); }
.wrong { grid-column: 2 / -1; padding: .3rem 0; }
.flow { width: 100%; max-width: 34rem; fill: var(--ink); font-size: 12px; display: block; }
.flow path { fill: none; stroke-opacity: .5; }
.tone0 { stroke: #8a8d93; } .tone1 { stroke: #3f78c3; } .tone2 { stroke: #c98a2b; } .tone3 { stroke: #3c9a68; }
.tone4 { stroke: #b0508f; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
td, th { text-align: left; padding: .2rem .5rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; } tfoot th { border-bottom: 0; }
td.figure, th.figure { text-align: right; padding-right: 0; padding-left: .5rem; }
.gas { display: grid; grid-template-columns: minmax(0, 17rem) 5rem minmax(4rem, 1fr) minmax(0, 14rem); gap: 0 .8rem;
  align-items: center; font-size: .85rem; padding: .15rem 0; }
.gas.prove .rail i { background: var(--bad); }
.timeline { font-size: .9rem; padding-left: 1.4rem; }
.timeline .prove { color: var(--bad); }
.why { border-left: 4px solid var(--cool); background: var(--card); padding: .6rem 1rem; }
.more { padding: .25rem .4rem; border-bottom: 1px solid var(--line); }
summary { cursor: pointer; }
@media (max-width: 42rem) {
  .kernel { grid-template-columns: 1.8rem 1fr auto; }
  .kernel .strip { grid-column: 2 / -1; grid-row: 2; }
  .gas { grid-template-columns: 1fr auto; padding: .3rem 0; }
  .gas .rail { grid-column: 1 / -1; grid-row: 2; }
  .gas small { grid-column: 1 / -1; }
}
`;
