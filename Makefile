# Every target is a word of ./run, which explains itself.
.PHONY: setup demo test lint real validate docs
setup demo test lint real validate docs:
	@./run $@
