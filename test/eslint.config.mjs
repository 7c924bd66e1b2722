import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig, globalIgnores } from 'eslint/config';
import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';
import { roomsRule } from './lint/rooms.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

const noVisibilityKeywords = {
  selector:
    ':matches(PropertyDefinition, MethodDefinition, TSParameterProperty)[accessibility=/^(private|protected|public)$/]',
  message: 'Use #private names.',
};

const noSleeps = 'A unit test does not sleep: use the simulated clock.';

export default defineConfig(
  globalIgnores(['dist/', '.build/', 'coverage/']),
  eslint.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: root } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-restricted-syntax': ['error', noVisibilityKeywords],
      'object-shorthand': 'error',
      'prefer-const': 'error',
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true, argsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // What is said in fewer words is said as well: `() => cancel()`, `void (text += chunk)`, `${count}`.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // What was thrown is handed on as it is.
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      // An index that was just bounded needs no other way to say so.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Types are structural here: a fake is as good as an instance.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/consistent-indexed-object-style': 'off',
      '@typescript-eslint/consistent-type-definitions': 'off',
      // A record may be keyed by data.
      '@typescript-eslint/dot-notation': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off',
      // An implementation may have nothing to wait for, or nothing to do.
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      // Type parameters that are used once document a public signature.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
    },
  },
  {
    name: 'the package',
    files: ['src/**'],
    plugins: { tokenvisor: { rules: { rooms: roomsRule(path.join(root, 'src')) } } },
    rules: {
      'tokenvisor/rooms': 'error',
      'func-style': ['error', 'expression'],
      'no-console': 'error',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true, defaultFrom: true } }],
    },
  },
  {
    name: "a worker's entry",
    files: ['src/**/*.cts'],
    rules: { 'no-restricted-exports': 'off', '@typescript-eslint/no-require-imports': 'off' },
  },
  {
    name: 'tests without a real clock',
    files: ['test/unit/**', 'test/property/**'],
    rules: {
      'no-restricted-globals': [
        'error',
        { name: 'setTimeout', message: noSleeps },
        { name: 'setInterval', message: noSleeps },
      ],
      'no-restricted-imports': ['error', { paths: ['node:timers/promises', 'node:timers'] }],
    },
  },
  {
    name: 'plain JavaScript: checked by tsc, with types from comments',
    files: ['**/*.js', '**/*.mjs'],
    rules: {
      'no-undef': 'off',
      '@typescript-eslint/restrict-plus-operands': 'off',
      '@typescript-eslint/restrict-template-expressions': 'off',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
);
