# Every target is a word of ./run, which explains itself.
.PHONY: setup demo test cluster-test lint real validate docs site
setup demo test cluster-test lint real validate docs site:
	@./run $@
