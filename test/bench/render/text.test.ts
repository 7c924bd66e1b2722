import { expect, it } from 'vitest';
import { formatReport } from './text.mjs';

const NOTHING = {
  suite: 'reads',
  machine: { cpu: 'C', cores: 2, memoryGB: 8, os: 'linux x64' },
  versions: { node: '20' },
  rows: [],
  figures: [],
  cells: [],
  notes: [],
};

it('tells what could not be measured', () => {
  expect(formatReport({ ...NOTHING, notes: ['skipped: no server'] })).toBe(
    'reads: C, 2 cores, 8 GB, linux x64, Node 20\n\nnote: skipped: no server',
  );
});

it('aligns its tables', () => {
  const rows = [{ name: 'read', median: 44.21, p5: 40, p95: 101.4, unit: 'ns' }];
  const figures = [{ name: 'read over floor', value: 1.5, bar: 1.25, met: false }];
  const cells = [{ peer: 'ours', asked: 12_000, 'wait, ms': 0.000_13 }];
  expect(formatReport({ ...NOTHING, rows, figures, cells })).toBe(
    [
      'reads: C, 2 cores, 8 GB, linux x64, Node 20',
      '',
      'peer  asked  wait, ms',
      'ours  12000   0.00013',
      '',
      'case  median  p5  p95  unit',
      'read    44.2  40  101    ns',
      '',
      'figure           value   bar',
      'read over floor   1.50  1.25  MISSED',
    ].join('\n'),
  );
});
