"""The RxPY pipeline of one source: audio in, labelled segments out."""
