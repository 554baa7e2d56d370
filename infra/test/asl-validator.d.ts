/** asl-validator ships no types; this is the part of it that the tests use. */
declare module 'asl-validator' {
  function validate(definition: object): { readonly isValid: boolean; errorsText(separator?: string): string };
  export = validate;
}
