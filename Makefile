# The front door. `make` alone prints what there is.

PREFIX ?= /usr/local
N ?= 25
SECONDS ?= 30
ROUNDS ?= 5
ONLY ?=
PEERS ?= 50
SEEDS ?= 1000
MINUTES ?= 60

SWIFT ?= swift
SOURCES := Package.swift $(wildcard Sources Tests Fuzz/Package.swift Fuzz/Sources Benchmarks/Package.swift \
	Benchmarks/Sources Simulation/Package.swift Simulation/Sources/simulate/Simulate.swift \
	Simulation/Sources/simulate-dht/SimulateDHT.swift)

.DEFAULT_GOAL := help
.PHONY: help setup build demo test lint format fuzz abuse bench bench-tracker bench-micro bench-many tsan netlab simulate crash-test install uninstall \
	clean

help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install the Debian packages that are missing (root or sudo)
	@scripts/setup

build: setup ## build the program: .build/release/apus
	$(SWIFT) build -c release --product apus

demo: build ## watch a folder travel from one seeder to three downloaders
	@.build/release/apus demo

test: setup ## build and run every test, with the real programs, on loopback only
	@scripts/test

lint: ## check the sources' format; fails on a finding
	$(SWIFT) format lint --strict --parallel --recursive --configuration .swift-format $(SOURCES)

format: ## format the sources
	$(SWIFT) format --in-place --parallel --recursive --configuration .swift-format $(SOURCES)

fuzz: setup ## fuzz every parser for a while: SECONDS=30 each
	@scripts/fuzz $(SECONDS)

bench: build ## measure beside others with the kit in BENCH_KIT=../shared/bench; ROUNDS=5 ONLY=text
	@scripts/bench --rounds $(ROUNDS) --only "$(ONLY)"
	@scripts/bench-many --only "$(ONLY)"

bench-many: setup ## measure what many peers and many torrents cost; ONLY=text
	@scripts/bench-many --only "$(ONLY)"

tsan: setup ## run the engine's tests under ThreadSanitizer, built apart; ONLY=text
	@scripts/tsan "$(ONLY)"

netlab: build ## run a swarm of real programs over shaped links (root); ONLY=text
	@scripts/netlab --only "$(ONLY)"

abuse: build ## run the abuse tests of the tracker with full counts, and flood it for a minute
	@APUS_ABUSE=full scripts/test --filter Abuse
	@scripts/bench-tracker --flood --seconds 60

bench-tracker: build ## measure the tracker beside opentracker, then while a million torrents expire
	@scripts/bench-tracker
	@scripts/bench-tracker --expiry

bench-micro: setup ## measure single parts: times, allocations, retains, instructions; ONLY=text
	@scripts/bench-micro --only "$(ONLY)"

simulate: ## run 1,000 peers, then SEEDS=1000 seeds of PEERS=50 for MINUTES=60 at most, and DHTs
	@$(SWIFT) build --package-path Simulation -c release -Xswiftc -enable-testing
	@Simulation/.build/release/simulate --peers 1000 --only "$(ONLY)"
	@Simulation/.build/release/simulate --peers $(PEERS) --seeds $(SEEDS) --only "$(ONLY)" \
	  --minutes $(MINUTES)
	@test -n "$(ONLY)" || Simulation/.build/release/simulate --peers 200 --seeds 12 --only tracker
	@Simulation/.build/release/simulate-dht

crash-test: setup ## kill a downloader N=25 times, until the download is done
	@scripts/crash-test $(N)

install: build ## install program, manual, completions and units to PREFIX=/usr/local
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions \
	  $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d $(DESTDIR)$(PREFIX)/lib/systemd/system
	install -m 755 .build/release/apus $(DESTDIR)$(PREFIX)/bin/apus
	.build/release/apus --generate-manual >$(DESTDIR)$(PREFIX)/share/man/man1/apus.1
	.build/release/apus --generate-completion-script bash \
	  >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/apus
	.build/release/apus --generate-completion-script zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_apus
	.build/release/apus --generate-completion-script fish \
	  >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/apus.fish
	sed 's|/usr/local/bin|$(PREFIX)/bin|' packaging/systemd/apus-tracker.service \
	  >$(DESTDIR)$(PREFIX)/lib/systemd/system/apus-tracker.service

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/apus $(DESTDIR)$(PREFIX)/share/man/man1/apus.1 \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions/apus \
	  $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_apus \
	  $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/apus.fish \
	  $(DESTDIR)$(PREFIX)/lib/systemd/system/apus-tracker.service

clean: ## remove what was built
	rm -rf .build Fuzz/.build Benchmarks/.build Simulation/.build
