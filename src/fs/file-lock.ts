/**
 * A lock on a file, against other processes and against other credentials of this one.
 *
 * A claim is a small file that names the holder of the lock. The first claim is `PATH.lock`; it is made by link(2),
 * which is atomic and fails if the file exists. The claim of a dead holder is not removed, because two processes that
 * remove it at once would remove each other's next claim. It is succeeded: the claim after claim N is
 * `PATH.lock.after-N`, again made by link(2), so exactly one process can succeed N. The lock's holder is the end of
 * this chain. The holder then renames its claim onto `PATH.lock`, so chains stay short; a process that was still
 * reading the old chain finds, when it checks after its link, that the chain no longer leads to its claim, and starts
 * again.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { Clock } from '../core/clock.js';
import { TokenvisorError } from '../core/errors.js';
import { livenessOf, thisProcess, type ProcessIdentity } from './process-identity.js';
import { whyUnreadable, type RegularFile } from './regular-file.js';
import { errorCode, readIfThere, removeIfThere, type StoreFs } from './files.js';

export interface FileLockOptions {
  /** The file to lock; the lock is beside it. */
  readonly path: string;
  /** Identifies the owner: a claim of the same owner was left by a crash, and may be succeeded at once. */
  readonly owner: string;
  readonly clock: Clock;
  readonly fs: StoreFs;
  readonly identity?: ProcessIdentity;
  /**
   * Names the locked thing, for the error.
   * @default 'refresh-token store'
   */
  readonly what?: string;
}

interface Claim extends ProcessIdentity {
  readonly nonce: string;
  readonly owner: string;
  readonly hostAndPid: string;
}

interface FoundClaim {
  readonly file: string;
  readonly nonce: string;
  readonly touchedAtMs: number;
  /** Undefined if the text is not a claim. */
  readonly claim?: Claim;
}

const TOUCH_EVERY_MS = 5_000;
/** A claim that can only be judged by its age counts as abandoned after six missed touches. */
const STALE_AFTER_MS = 30_000;
const MAX_TRIES = 50;
const MAX_CLAIM_BYTES = 4 * 1024;
/** Longer owner names are stored as a digest, because a claim over the limit could not be read. */
const MAX_OWNER_LENGTH = 512;

export class FileLock {
  readonly #options: FileLockOptions;
  readonly #root: string;
  readonly #claim: Claim;
  #held = false;
  #cancelTouch: (() => void) | undefined;

  constructor(options: FileLockOptions) {
    const identity = options.identity ?? thisProcess();
    this.#options = options;
    this.#root = `${options.path}.lock`;
    this.#claim = {
      ...identity,
      owner: ownerOf(options.owner),
      nonce: randomUUID(),
      hostAndPid: `process ${identity.pid} on ${identity.machine.split(' ')[0]}`,
    };
  }

  /**
   * Takes the lock, or confirms that it is still held. Never waits.
   *
   * @throws `STORE_LOCKED`, and errors of the file system unchanged
   */
  acquire(): void {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const chain = this.#readChain();
      const end = chain.at(-1);
      if (end?.nonce === this.#claim.nonce) return this.#taken(chain);
      this.#held = false;
      if (end !== undefined && !this.#isStale(end)) throw this.#lockedBy(end);
      const place = end === undefined ? this.#root : `${this.#root}.after-${end.nonce}`;
      if (!this.#place(place)) continue;
      const now = this.#readChain();
      if (now.at(-1)?.nonce === this.#claim.nonce) return this.#taken(now);
      removeIfThere(this.#options.fs, place); // The chain was shortened meanwhile: this claim is part of no chain.
    }
    throw new TokenvisorError('STORE_LOCKED', `The lock ${this.#root} changes its holder too often to be taken`);
  }

  /** True if this object holds the lock, by the files as they are now. */
  isHeld(): boolean {
    return this.#held && this.#readChain().at(-1)?.nonce === this.#claim.nonce;
  }

  /** Releases the lock, if it is held. Never throws. */
  release(): void {
    this.#cancelTouch?.();
    this.#cancelTouch = undefined;
    try {
      if (this.isHeld()) removeIfThere(this.#options.fs, this.#root);
    } catch {
      // A leftover claim is stale as soon as this process has ended.
    }
    this.#held = false;
  }

  /** The claims from the root to the end; empty if there is none. */
  #readChain(): readonly FoundClaim[] {
    const chain: FoundClaim[] = [];
    let found = this.#read(this.#root);
    while (found !== undefined && chain.length < MAX_TRIES) {
      chain.push(found);
      found = this.#read(`${this.#root}.after-${found.nonce}`);
    }
    return chain;
  }

  #read(file: string): FoundClaim | undefined {
    const found = this.#readIfThere(file);
    if (found === undefined) return undefined;
    const { bytes, mtimeMs: touchedAtMs, ino } = found;
    const claim = parseClaim(bytes.toString());
    if (claim !== undefined) return { file, nonce: claim.nonce, touchedAtMs, claim };
    return { file, nonce: `unreadable-${ino}-${Math.trunc(touchedAtMs)}`, touchedAtMs };
  }

  #readIfThere(file: string): RegularFile | undefined {
    try {
      return readIfThere(this.#options.fs, file, MAX_CLAIM_BYTES);
    } catch (error) {
      if (errorCode(error) !== undefined) throw error;
      throw new Error(`${file} is not a lock file: ${whyUnreadable(error)}`, { cause: error });
    }
  }

  #isStale({ claim, touchedAtMs }: FoundClaim): boolean {
    const isOld = this.#options.clock.wallMs() - touchedAtMs > STALE_AFTER_MS;
    if (claim === undefined) return isOld;
    if (claim.owner === this.#claim.owner) return true;
    if (claim.machine !== this.#claim.machine) return isOld;
    // A thread of this process that has ended can't be recognised by its pid, only by a claim that it no longer
    // touches.
    if (claim.pid === this.#claim.pid && claim.startTime === this.#claim.startTime) return isOld;
    const liveness = livenessOf(claim);
    return liveness === 'unknown' ? isOld : liveness === 'gone';
  }

  /** Creates the claim's file at `place`, complete in one step; false if the file exists. */
  #place(place: string): boolean {
    const { fs } = this.#options;
    const text = JSON.stringify(this.#claim);
    const draft = `${this.#root}.${this.#claim.nonce}`;
    try {
      fs.writeFileSync(draft, text, { flag: 'wx', mode: 0o600 });
      fs.linkSync(draft, place);
      return true;
    } catch (error) {
      const code = errorCode(error);
      if (code === 'EEXIST') return false;
      if (code === undefined || !['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code)) throw error;
      return this.#placeWithoutLinks(place, text);
    } finally {
      removeIfThere(fs, draft);
    }
  }

  /** For file systems without hard links. A reader may see the file empty: an unreadable claim counts by its age. */
  #placeWithoutLinks(place: string, text: string): boolean {
    try {
      this.#options.fs.writeFileSync(place, text, { flag: 'wx', mode: 0o600 });
      return true;
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false;
      throw error;
    }
  }

  #taken(chain: readonly FoundClaim[]): void {
    const { fs } = this.#options;
    this.#held = true;
    if (chain.length > 1) {
      fs.renameSync(chain.at(-1)!.file, this.#root);
      for (const { file } of chain.slice(1, -1)) removeIfThere(fs, file);
    }
    if (this.#cancelTouch === undefined) this.#touchLater();
  }

  #touchLater(): void {
    const timer = this.#options.clock.setTimer(TOUCH_EVERY_MS, () => {
      this.#touchLater();
      try {
        const now = new Date(this.#options.clock.wallMs());
        if (this.isHeld()) this.#options.fs.utimesSync(this.#root, now, now);
      } catch {
        // isHeld() detects a missed touch before the next write.
      }
    });
    this.#cancelTouch = () => timer.cancel();
  }

  #lockedBy({ claim, file }: FoundClaim): TokenvisorError {
    const who = claim === undefined ? 'an unknown process' : holderOf(claim);
    return new TokenvisorError(
      'STORE_LOCKED',
      `The ${this.#options.what ?? 'refresh-token store'} is locked by ${who} (see ${file})`,
    );
  }
}

/** Only validated parts are shown: other processes can write the claim, and this text goes into events and logs. */
const holderOf = ({ pid, machine }: Claim): string => {
  const [host = ''] = machine.split(' ');
  return `process ${pid} on ${/^[\w.-]{1,255}$/.test(host) ? host : 'a machine with an invalid name'}`;
};

const ownerOf = (owner: string): string =>
  owner.length <= MAX_OWNER_LENGTH ? owner : createHash('sha256').update(owner).digest('base64url');

const parseClaim = (text: string): Claim | undefined => {
  try {
    const claim = JSON.parse(text) as Partial<Claim> | null;
    const strings = [claim?.nonce, claim?.owner, claim?.machine, claim?.hostAndPid];
    const whole = strings.every((one) => typeof one === 'string' && one !== '') && isProcessId(claim?.pid);
    // Unknown values must not be compared: a lock that is held would count as left behind.
    const { startTime } = claim ?? {};
    if (!whole || (startTime !== undefined && typeof startTime !== 'string')) return undefined;
    // The nonce is part of a file name.
    return /^[\w-]{1,64}$/.test(claim!.nonce!) ? (claim as Claim) : undefined;
  } catch {
    return undefined;
  }
};

/** A process id; 0 and below stand for groups or all processes. */
const isProcessId = (value: unknown): boolean =>
  Number.isInteger(value) && (value as number) > 0 && (value as number) < 2 ** 31;
