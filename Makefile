# Every target is a word of ./run, which explains itself.
.PHONY: setup demo test lint real docs
setup demo test lint real docs:
	@./run $@
