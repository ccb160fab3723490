"""Model data that ships with packages: prices, context windows, tokenizer vocabularies."""
