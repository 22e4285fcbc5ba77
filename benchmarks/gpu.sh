#!/usr/bin/env bash
# What only a GPU can show, in parts of at most nine minutes that go on where they were stopped:
#
#     benchmarks/gpu.sh checks       pytest -m gpu, the step's and the scores' benchmarks
#     benchmarks/gpu.sh extractor    a classifier of CIFAR10, for the scores of the study
#     benchmarks/gpu.sh study        none, sn, bsn, bssn with the papers' CNN at full width; again
#                                    and again until it says that every run is finished
#
# CIFAR is a folder with train/ and test/, each with a folder of images per class; WORK is where all
# is kept between parts. TOY=1 makes everything tiny, to see on a CPU that each part works.
set -euo pipefail
cd "$(dirname "$0")/.."
CIFAR=${CIFAR:-cifar} WORK=${WORK:-gpu} MINUTES=${MINUTES:-9} TOY=${TOY:-}
mkdir -p "$WORK"
data=(--data.root "$CIFAR/train" --data.held_out "$CIFAR/test" --data.size 32 --data.num_classes 10)
weights="$WORK/cifar10_classifier.safetensors"
width=64 steps=8000 toy=()
if [ -n "$TOY" ]; then
  width=4 steps=3
  toy=(--trainer.accelerator cpu --trainer.max_steps 4 --trainer.val_check_interval 4
    --model.generator.width 2 --model.discriminator.width 2 --data.batch_size 4
    --evaluation.protocol.is_images 20 --evaluation.protocol.fid_generated 20
    --evaluation.protocol.fid_real 20)
fi

within() { # stops a command in time, as a scheduler would; its progress is kept
  timeout --signal=TERM --kill-after=30 "$((MINUTES * 60 - 45))" "$@" || [ $? = 124 ]
}

checks() { # the benchmarks are made whatever the tests say
  local failed= look=${TOY:+--collect-only} # a toy has no GPU to test on
  pytest -n 0 -q -m gpu $look 2>&1 | tee "$WORK/pytest.txt" || failed=1
  python -m benchmarks.step ${TOY:+--rounds 2}
  [ -n "$TOY" ] || python -m benchmarks.metrics
  cp -r benchmarks/results "$WORK/"
  [ -z "$failed" ]
}

extractor() {
  [ -s "$weights" ] || within gan extractor --data folder "${data[@]}" --out "$weights" \
    --name cifar10_classifier --flip true --width "$width" --steps "$steps"
}

study() {
  within gan sweep sweeps/cifar10_gpu.yaml --out "$WORK/study" -- "${data[@]}" \
    --evaluation.extractor.weights "$weights" "${toy[@]}"
  gan compare "$WORK/study" --against sn --out "$WORK/study.csv"
}

"$@"
