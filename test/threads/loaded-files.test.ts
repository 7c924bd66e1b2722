/** A credential's thread does not load what only other kinds need: it would cost each of them time and memory. */
import { actor, credential, startSupervisor } from 'tokenvisor';
import { expect, it } from 'vitest';

const module = new URL('./fixtures/loaded-files.mjs', import.meta.url);

it('a credential loads its own runtime alone, another kind the one with everything', async () => {
  await using supervisor = await startSupervisor({
    token: credential({ provider: { module, export: 'provider' } }),
    kind: actor({ behaviour: { module, export: 'kind' } }),
  });
  const { token, kind } = supervisor.children;
  expect((await token.get()).value).toBe('credential-runtime.cjs');
  expect(await kind.call('which?')).toEqual(['every-runtime.cjs']);
});
