import tseslint from "typescript-eslint";

/** Statements that look fine, run, and assert nothing: chai matchers about transactions must be awaited. */
const MATCHERS =
  "^(emit|withArgs|reverted|revertedWith\\w*|revertedWithout\\w*|change(Ether|Token)Balances?|rejected\\w*)$";

/** What Node cannot run by leaving the types out. Not `erasableSyntaxOnly`: generated bindings declare namespaces. */
const notErasable = ["TSEnumDeclaration", "TSModuleDeclaration[declare!=true]", "TSParameterProperty"].map(
  (selector) => ({
    selector,
    message: "Only syntax that is erased: no enums, namespaces or parameter properties.",
  }),
);

const restricted = [
  { selector: "ExportDefaultDeclaration", message: "Export by name." },
  ...notErasable,
  { selector: "TSAsExpression > TSAsExpression", message: "A double cast hides a wrong type: mend the type." },
  { selector: "TSAsExpression > TSAnyKeyword", message: "Name the type." },
];

const unawaited = {
  selector: `ExpressionStatement > CallExpression > MemberExpression.callee[property.name=/${MATCHERS}/]`,
  message: "Await it, or the test passes whatever happens.",
};

const focused = ["describe", "context", "it"].flatMap((object) =>
  ["only", "skip"].map((property) => ({ object, property, message: "Every test runs, always." })),
);

export default tseslint.config(
  {
    ignores: [
      "artifacts/",
      "cache/",
      "coverage/",
      "build/",
      "dist/",
      "ignition/deployments/",
      "node_modules/",
      "typechain-types/",
      "examples/",
    ],
  },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "no-restricted-syntax": ["error", ...restricted],
      eqeqeq: "error",
      "no-var": "error",
      "prefer-const": "error",
      "object-shorthand": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/consistent-type-exports": "error",
      "@typescript-eslint/consistent-type-definitions": ["error", "interface"],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/prefer-readonly": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      // Unions of classes and plain objects are spread where only the objects can occur.
      "@typescript-eslint/no-misused-spread": "off",
      // A decoder names what it gives back.
      "@typescript-eslint/no-unnecessary-type-parameters": "off",
      // Inner loops index arrays whose bounds they have just established.
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    },
  },
  {
    // The loader of the configuration takes its default export.
    files: ["hardhat.config.ts", "ignition/modules/**/*.ts"],
    rules: { "no-restricted-syntax": ["error", ...restricted.slice(1)] },
  },
  {
    // Operands and attributes that a model leaves out are undefined, also where an array's type does not say so.
    files: ["runner/onnx/**/*.ts", "tools/conformance.ts"],
    rules: { "@typescript-eslint/no-unnecessary-condition": "off" },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      "no-restricted-properties": ["error", ...focused],
      "no-restricted-syntax": ["error", ...restricted, unawaited],
      // `expect(x).to.be.true` is an assertion.
      "@typescript-eslint/no-unused-expressions": "off",
      // A contract's methods are handed around by name.
      "@typescript-eslint/unbound-method": "off",
    },
  },
  {
    files: ["**/*.mjs", "**/*.cjs"],
    rules: { eqeqeq: "error", "no-var": "error", "prefer-const": "error", "object-shorthand": "error" },
  },
);
