import { expect, it } from 'vitest';
import { bars, groups, lines } from './plots.mjs';
import { renderPage } from './page.mjs';
import type { Report } from '../results.mjs';

const report = (more: Partial<Report>): Report => ({
  suite: 'reads',
  minutes: 0.5,
  machine: { cpu: 'C', cores: 2, memoryGB: 8, os: 'linux x64' },
  versions: { node: '20', peer: '1.2.3' },
  rows: [],
  figures: [],
  cells: [],
  notes: [],
  ...more,
});

const READS = report({
  rows: [
    { name: 'floor | main', median: 40, p5: 39, p95: 50, unit: 'ns' },
    { name: 'current(), main', median: 41, p5: 39.5, p95: 51, unit: 'ns' },
  ],
  figures: [
    { name: 'over the floor', value: 1.025, bar: 1.25, met: true },
    { name: 'over the peer', value: 1.2, bar: 1.5, met: false },
    { name: 'reported', value: 7, bar: null, met: null },
  ],
  notes: ['Measured once.'],
});

const CALLS = report({ suite: 'calls', rows: [{ name: 'call()', median: 60, p5: 50, p95: 70, unit: 'us' }] });

it('has each suite that there are results of, in their order, with what the figures are held against', async () => {
  const { page, plots } = await renderPage({ calls: CALLS, reads: READS });
  expect(page.match(/^## .*$/gm)).toEqual(['## A read', '## A call, and a cast', '## Versions']);
  expect(page).toMatch(/`npm run bench -- reads`: C, 2 cores, 8 GB, linux x64, Node 20; 0.5 min/);
  expect(page).toMatch(/\| floor \\\| main +\| +40 \| +39 \| +50 \| +ns \|/);
  expect(page).toMatch(/\| over the floor +\| +1.02 \| 1.25 \| +met \|/);
  expect(page).toMatch(/\| over the peer +\| +1.20 \| 1.50 \| \*\*missed\*\* \|/);
  expect(page).toMatch(/\| reported +\| +7 \| +\| +\|/);
  expect(page).toContain('Measured once.');
  expect(page).toMatch(/\| peer +\| +1.2.3 \|/);
  expect([...plots.keys()]).toEqual(['reads-ns.svg', 'calls-us.svg']);
  for (const file of plots.keys()) expect(page).toContain(`](benchmarks/plots/${file})`);
});

it('is the same text for the same results', async () => {
  const [once, again] = [await renderPage({ reads: READS }), await renderPage({ reads: READS })];
  expect(again).toEqual(once);
});

const textsOf = (svg: string): readonly string[] => [...svg.matchAll(/<text[^>]*>([^<]+)</g)].map(([, text]) => text!);

it('draws each value, and ours in a colour of its own', () => {
  const drawn = [
    bars(READS.rows),
    groups([{ peer: 'tokenvisor', phase: 'away', requests: 41 }], { group: 'phase', name: 'peer', value: 'requests' }),
  ];
  for (const svg of drawn) {
    expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect(textsOf(svg)).toContain('41');
    expect(svg.match(/fill="#c2410c"/g)).toHaveLength(1);
  }
});

it('draws lines, and on a logarithmic scale only what can be there', () => {
  const cells = [
    { peer: 'tokenvisor', stall: 0, wait: 0 },
    { peer: 'tokenvisor', stall: 100, wait: 0.001 },
    { peer: 'other', stall: 0, wait: 1 },
    { peer: 'other', stall: 100, wait: 100 },
  ];
  const svg = lines(cells, { x: 'stall', y: 'wait', series: 'peer', logarithmic: true });
  expect(svg.match(/<circle /g)).toHaveLength(3);
  expect(textsOf(svg)).toEqual(expect.arrayContaining(['tokenvisor', 'other']));
  expect(lines(cells, { x: 'stall', y: 'wait' })).toMatch(/<path [^>]*d="M/);
});

it('keeps labels apart of lines that end at the same place', () => {
  const cells = ['tokenvisor', 'one', 'other'].flatMap((peer) =>
    [0, 100].map((stall) => ({ peer, stall, wait: stall })),
  );
  const svg = lines(cells, { x: 'stall', y: 'wait', series: 'peer' });
  const places = ['tokenvisor', 'one', 'other'].map((peer) => {
    const label = new RegExp(`<g ([^>]*)>\\s*<text ([^>]*)>${peer}</text>`).exec(svg) ?? [];
    const numbers = /translate\(([-\d.]+),\s*([-\d.]+)\)/;
    return label.slice(1).reduce((sum, attributes) => sum + Number(numbers.exec(attributes)?.[2] ?? 0), 0);
  });
  expect(places[1]! - places[0]!).toBeCloseTo(14);
  expect(places[2]! - places[1]!).toBeCloseTo(14);
});
