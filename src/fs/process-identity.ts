/** Which process this is, in a way that another one can check later: a process id alone is given again. */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface ProcessIdentity {
  readonly pid: number;
  /** When it began, in the kernel's ticks since the boot; undefined where /proc does not tell. */
  readonly startTime?: string;
  /** Host, boot and pid namespace: only where all three are the same does a pid say anything. */
  readonly machine: string;
}

/** The identity of this process. */
export const thisProcess = (): ProcessIdentity => {
  const startTime = startTimeOf(process.pid);
  return { pid: process.pid, machine: machine(), ...(startTime === undefined ? {} : { startTime }) };
};

/**
 * Whether that process, of this machine, lives: `unknown` where there is a process of that id and nothing says whether
 * it is the same one.
 */
export const livenessOf = ({ pid, startTime }: ProcessIdentity): 'alive' | 'gone' | 'unknown' => {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return 'gone'; // EPERM: there is one, somebody else's.
  }
  if (hasEnded(pid)) return 'gone';
  const startedNow = startTimeOf(pid);
  if (startTime === undefined || startedNow === undefined) return 'unknown';
  return startTime === startedNow ? 'alive' : 'gone';
};

/** Fields of /proc/PID/stat (proc(5)) from the third on; the second may have spaces and brackets in it. */
const statOf = (pid: number): readonly string[] | undefined => {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
};

/** Field 22. */
const startTimeOf = (pid: number): string | undefined => statOf(pid)?.[19];

/** Field 3: it has ended, and nobody has asked how. */
const hasEnded = (pid: number): boolean => /^[ZX]/.test(statOf(pid)?.[0] ?? '');

const machine = (): string => {
  const boot = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim());
  const namespace = attempt(() => readlinkSync('/proc/self/ns/pid'));
  return [hostname(), boot, namespace].filter((part) => part !== undefined).join(' ');
};

const attempt = <T>(read: () => T): T | undefined => {
  try {
    return read();
  } catch {
    return undefined;
  }
};
