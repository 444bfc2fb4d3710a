/**
 * Style of the report. Colours are variables that charts and graphs use, so one drawing works for light, dark and
 * print. Arms use `--arm-0`, `--arm-1`, ... in their order; edges and spans of solutions are coloured by class.
 */
export const STYLE = `
:root {
  color-scheme: light dark;
  --serif: Charter, "Bitstream Charter", "Iowan Old Style", "Source Serif 4", Cambria, Georgia, "Liberation Serif", serif;
  --sans: "Inter", system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, "DejaVu Sans Mono", monospace;
  --paper: #fdfcfa; --raised: #f5f2ed; --ink: #22211f; --ink-2: #6a665f; --rule: #e7e2da; --rule-2: #cfc8bd; --shade: #ece6da;
  --arm-0: #2c5f8a; --arm-1: #c0662f; --arm-2: #3f7f6d; --arm-3: #85528c; --arm-4: #9a7b1f;
  --transition: #8b857b; --reflection: #7a56a6; --correction: #b23a34; --positive: #2f7a4f; --link: #2c5f8a;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #191a1c; --raised: #232427; --ink: #e8e5df; --ink-2: #a19c93; --rule: #303134; --rule-2: #4b4b4d; --shade: #2b2c30;
    --arm-0: #7fb2e0; --arm-1: #eda06c; --arm-2: #7cc5b0; --arm-3: #cf9ad6; --arm-4: #d9bd62;
    --transition: #8f8a82; --reflection: #b79ae0; --correction: #f0857c; --positive: #7fce9f; --link: #8fbde6;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.6 var(--serif); }
main { max-width: 1080px; margin: 0 auto; padding: 72px 32px 120px; }
p, ul { max-width: 70ch; margin: 0 0 1em; }
a { color: var(--link); }
.defs { position: absolute; }

h1 { font-size: clamp(34px, 5vw, 52px); line-height: 1.1; font-weight: 600; letter-spacing: -0.015em; margin: 0 0 20px; overflow-wrap: anywhere; }
h2 { font-size: 27px; line-height: 1.2; font-weight: 600; letter-spacing: -0.01em; margin: 0 0 14px; }
h3 { font: 600 15px/1.4 var(--sans); margin: 32px 0 10px; }
.eyebrow, dt, th, caption, figcaption, .legend, nav, small, .origin, summary, td, .outcome, .notes { font-family: var(--sans); }
.eyebrow { font-size: 13px; color: var(--ink-2); margin: 0 0 10px; }
.facts { display: flex; flex-wrap: wrap; gap: 8px 36px; margin: 0 0 36px; }
.facts div { display: flex; gap: 8px; align-items: baseline; min-width: 0; }
dt { font-size: 13px; color: var(--ink-2); }
dd { margin: 0; overflow-wrap: anywhere; }
.facts dd { font: 500 14px/1.4 var(--sans); }

.finding { border-top: 2px solid var(--ink); padding: 20px 0 0; margin: 0; }
.outcome { display: inline-block; font-size: 13px; font-weight: 600; line-height: 1; padding: 6px 10px; border-radius: 4px; background: var(--raised); color: var(--ink-2); margin: 0 0 14px; }
.outcome.for { color: var(--positive); } .outcome.against { color: var(--correction); }
.lead { font-size: 22px; line-height: 1.45; max-width: 46em; margin: 0 0 18px; text-wrap: pretty; }
.finding ul { font-size: 16px; color: var(--ink-2); padding-left: 1.1em; }
.finding li { margin: 0 0 4px; }

nav { border-block: 1px solid var(--rule); margin: 36px 0 0; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 24px; margin: 0; padding: 10px 0; max-width: none; }
nav a { font-size: 14px; text-decoration: none; color: var(--ink-2); }
nav a:hover, nav a:focus-visible { color: var(--ink); text-decoration: underline; text-underline-offset: 4px; }
main > section { margin: 72px 0 0; scroll-margin-top: 24px; }

.figures { display: flex; flex-wrap: wrap; gap: 28px 40px; margin: 20px 0 28px; }
figure { margin: 0; min-width: 0; max-width: 100%; }
figcaption { font-size: 14px; font-weight: 600; line-height: 1.4; margin: 0 0 10px; }
figure svg { display: block; max-width: 100%; height: auto; overflow: visible; }
svg text { font-variant-numeric: tabular-nums; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 6px 24px; padding: 0; margin: 0 0 20px; font-size: 14px; max-width: none; }
.legend li { display: flex; align-items: center; }
.swatch { display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-right: 9px; flex: none; }

.table { overflow-x: auto; margin: 20px 0 32px; max-width: 100%; }
.table:focus-visible, .picture:focus-visible, pre:focus-visible { outline: 2px solid var(--link); outline-offset: 4px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; text-wrap: balance; font-size: 14px; color: var(--ink-2); padding: 0 0 8px; line-height: 1.45; }
th, td { padding: 8px 26px 8px 0; text-align: right; vertical-align: baseline; font-size: 15px; line-height: 1.35; white-space: nowrap; }
th:last-child, td:last-child { padding-right: 0; }
thead th { font-size: 13px; font-weight: 500; color: var(--ink-2); border-bottom: 1px solid var(--rule-2); }
th:first-child { text-align: left; }
tbody th { font-weight: 500; }
tbody tr + tr > * { border-top: 1px solid var(--rule); }
small { display: block; font-size: 12px; color: var(--ink-2); }
.absent { color: var(--ink-2); cursor: help; }
#stages th, #stages td { font-size: 14px; }
#stages td:nth-child(3), #stages td:last-child, #stages thead th:last-child { text-align: left; }
#correlation td:nth-child(2), #correlation th:nth-child(2) { text-align: left; }
.bar { display: block; height: 8px; border-radius: 2px; background: var(--rule-2); min-width: 1px; }
.counts { display: block; white-space: normal; min-width: 220px; max-width: 320px; font-size: 13px; color: var(--ink-2); }
.notes { font-size: 14px; color: var(--ink-2); padding-left: 1.1em; }

.drawn { display: grid; grid-template-columns: minmax(0, 5fr) minmax(0, 8fr); gap: 24px 40px; align-items: center; padding: 30px 0; border-top: 1px solid var(--rule); break-inside: avoid; }
.drawn.wide { grid-template-columns: minmax(0, 1fr); }
.drawn h3 { margin: 0; }
.origin { font-size: 13px; color: var(--ink-2); margin: 2px 0 14px; }
.verdict-right { color: var(--positive); } .verdict-wrong { color: var(--correction); }
.asked { font-family: var(--mono); font-size: 14px; line-height: 1.6; background: var(--raised); border-radius: 6px; padding: 10px 14px; overflow-wrap: anywhere; }
.tables { display: flex; flex-wrap: wrap; gap: 0 72px; align-items: flex-start; }
.solution { font-family: var(--mono); font-size: 14px; line-height: 1.9; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
.solution .reflection { color: var(--reflection); }
.solution .negative, .solution .backtrack, .solution .restart { color: var(--correction); }
.solution .positive { color: var(--positive); }
.solution .answer { font-weight: 600; }
.picture { overflow-x: auto; max-width: 100%; }
.graph { display: block; margin: 0 auto; max-width: 100%; height: auto; font: 12px var(--sans); }
.edge { fill: none; stroke-width: 1.5; }
.edge.transition { stroke: var(--transition); }
.edge.reflection { stroke: var(--reflection); }
.edge.correction { stroke: var(--correction); stroke-dasharray: 5 3; }
.head.transition { fill: var(--transition); } .head.reflection { fill: var(--reflection); } .head.correction { fill: var(--correction); }
.node rect { fill: var(--raised); stroke: var(--rule-2); }
.node text { fill: var(--ink); text-anchor: middle; }
.node.problem rect { fill: var(--paper); stroke-dasharray: 3 3; }
.node.problem text { fill: var(--ink-2); }
.node.answer rect { stroke: var(--ink); stroke-width: 1.5; }
.node.answer text { font-weight: 600; }
.graph .verdict { fill: var(--reflection); font-weight: 600; }
.key { margin-right: 10px; flex: none; }

details { border-top: 1px solid var(--rule); }
summary { font-size: 14px; padding: 9px 0; cursor: pointer; color: var(--ink-2); }
summary:hover { color: var(--ink); }
details[open] > summary { color: var(--ink); font-weight: 600; }
.provenance { margin: 0 0 14px; }
.provenance div { display: grid; grid-template-columns: 130px minmax(0, 1fr); gap: 12px; align-items: baseline; }
code { font-family: var(--mono); font-size: 0.82em; }
pre { background: var(--raised); border-radius: 6px; padding: 14px 16px; overflow-x: auto; font-size: 14px; line-height: 1.5; margin: 0 0 18px; }

@media (max-width: 760px) {
  main { padding: 36px 18px 72px; }
  body { font-size: 16px; }
  .lead { font-size: 19px; }
  main > section { margin-top: 52px; }
  .drawn { grid-template-columns: minmax(0, 1fr); }
}
@media print {
  :root { --paper: #fff; --raised: #f6f6f6; }
  body { font-size: 11pt; }
  main { max-width: none; padding: 0; }
  nav { display: none; }
  figure, tr, .drawn { break-inside: avoid; }
  h2, h3, caption { break-after: avoid; }
  .table, .picture, pre { overflow: visible; }
}
`;
