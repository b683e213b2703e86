# awaitd: `make help` lists the targets.
CC ?= gcc
PKGS := libmicrohttpd jansson libuv sqlite3
WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wvla -Werror
BASE := -std=c11 -D_GNU_SOURCE -I. $(WARN) $(shell pkg-config --cflags $(PKGS) 2>/dev/null) -pthread
LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm -pthread
FLAVOUR ?= release
FLAGS_release := -O2 -g
FLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
FLAGS_tsan := -O1 -g -fsanitize=thread
CFLAGS := $(BASE) $(FLAGS_$(FLAVOUR)) -MMD -MP
OUT := build/$(FLAVOUR)

SCHEMA := $(wildcard schema/*.c)
RUNTIME := $(wildcard runtime/*.c runtime/ops/*.c runtime/base/*.c runtime/store/*.c)
SERVER := $(filter-out server/main.c,$(wildcard server/*.c))
objects = $(patsubst %.c,$(OUT)/%.o,$(1))

all: build/awaitd

build/awaitd: $(OUT)/awaitd
	@mkdir -p build && cp $< $@

$(OUT)/awaitd: $(call objects,server/main.c $(SERVER) $(RUNTIME) $(SCHEMA)) $(OUT)/embedded.o
	$(CC) $(CFLAGS) $^ -o $@ $(LIBS)

$(OUT)/%.o: %.c
	@mkdir -p $(dir $@)
	$(CC) $(CFLAGS) -c $< -o $@

.PHONY: all
-include $(shell find build -name '*.d' 2>/dev/null)
