/**
 * A quota of the processors for one process, by a control group of its own (Linux, version 1 or 2), as containers have it.
 * It takes the right to make such a group: root has it, mostly.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const PERIOD_US = 100_000;
/** Where version 1 has the processors, and where there is version 2. */
const CPU = '/sys/fs/cgroup/cpu';
const UNIFIED = '/sys/fs/cgroup';
const PREFIX = 'tokenvisor-quota-';

export class Quota {
  #isFirstVersion = existsSync(path.join(CPU, 'cpu.cfs_quota_us'));
  #process;
  #before;
  #group;

  /** @param {number} process its id @throws Error if the machine has no such groups, or allows none */
  constructor(process) {
    this.#process = process;
    const root = this.#isFirstVersion ? CPU : UNIFIED;
    this.#before = path.join(root, this.#ownGroup());
    this.#group = path.join(this.#before, `${PREFIX}${process}`);
    for (const name of readdirSync(this.#before))
      if (name.startsWith(PREFIX)) removeEmpty(path.join(this.#before, name));
    // Version 2 has a group hand the processors on to those in it, where there are no processes beside them.
    if (!this.#isFirstVersion) writeFileSync(path.join(this.#before, 'cgroup.subtree_control'), '+cpu');
    mkdirSync(this.#group);
    try {
      this.set(undefined);
      this.#move(this.#group);
    } catch (error) {
      rmdirSync(this.#group);
      throw error;
    }
  }

  /** @param {number | undefined} cores how many of them; undefined: no quota */
  set(cores) {
    const quota = cores === undefined ? undefined : Math.round(cores * PERIOD_US);
    if (this.#isFirstVersion) {
      this.#write('cpu.cfs_period_us', String(PERIOD_US));
      this.#write('cpu.cfs_quota_us', String(quota ?? -1));
    } else this.#write('cpu.max', `${quota ?? 'max'} ${PERIOD_US}`);
  }

  /** Moves a process that lives back, with those that it has started. */
  remove() {
    this.set(undefined);
    const file = path.join(this.#group, 'cgroup.procs');
    for (const pid of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
      try {
        writeFileSync(path.join(this.#before, 'cgroup.procs'), pid);
      } catch {
        // It has ended meanwhile.
      }
    }
    removeOnceEmpty(this.#group);
  }

  /** @param {string} group */
  #move(group) {
    writeFileSync(path.join(group, 'cgroup.procs'), String(this.#process));
  }

  /** @param {string} file @param {string} text */
  #write(file, text) {
    writeFileSync(path.join(this.#group, file), text);
  }

  /** The group that it is in, from the root. */
  #ownGroup() {
    const lines = readFileSync(`/proc/${this.#process}/cgroup`, 'utf8').trim().split('\n');
    const isOurs = (/** @type {string} */ controllers) =>
      this.#isFirstVersion ? controllers.split(',').includes('cpu') : controllers === '';
    for (const line of lines) {
      const [, controllers = '', ...group] = line.split(':');
      if (isOurs(controllers)) return group.join(':');
    }
    throw new Error(`the process is in no group for processors: ${lines.join(', ')}`);
  }
}

/** A process that is ending is in its group until the system is done with it. @param {string} group */
const removeOnceEmpty = (group) => {
  for (const deadlineMs = Date.now() + 10_000; ; Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)) {
    try {
      return rmdirSync(group);
    } catch (error) {
      if (Date.now() > deadlineMs) throw error;
    }
  }
};

/** What a run has left that was killed. @param {string} group */
const removeEmpty = (group) => {
  try {
    rmdirSync(group);
  } catch {
    // Another run is in it.
  }
};
