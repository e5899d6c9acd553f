# Every target is a word of ./run, which explains itself.
.PHONY: setup demo test cluster-test lint real validate docs
setup demo test cluster-test lint real validate docs:
	@./run $@
