#!/bin/bash -eu
# Builds every target for ClusterFuzzLite, with its dictionary and its corpus beside it.
cd "$SRC/plugwire"
cargo fuzz build -O
host=x86_64-unknown-linux-gnu
for target in $(fuzz/run list); do
    cp "fuzz/target/$host/release/$target" "$OUT/"
    cp "fuzz/$(fuzz/run dictionary "$target")" "$OUT/$target.dict"
    zip -jqr "$OUT/${target}_seed_corpus.zip" "fuzz/corpus/$target"
done
