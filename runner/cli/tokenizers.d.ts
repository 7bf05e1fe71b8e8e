/** What is used of Hugging Face's tokenizers: the package's own declarations do not resolve from ES modules. */
declare module "@huggingface/tokenizers" {
  export class Tokenizer {
    /** @param tokenizer Content of tokenizer.json. @param config Content of tokenizer_config.json, or {}. */
    constructor(tokenizer: object, config: object);
    encode(text: string): { readonly ids: number[] };
    decode(tokens: number[]): string;
  }
}
