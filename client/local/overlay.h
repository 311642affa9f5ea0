#pragma once

// The coordinator's attributes, overlaid with what the live file of an open inode says. Internal to
// client/. Thread-safe.

#include <cstdint>
#include <functional>

#include "base/clock.h"
#include "base/status.h"
#include "cache/cache_store.h"
#include "host/committer.h"
#include "host/live_files.h"
#include "host/open_table.h"
#include "role/files.h"
#include "role/types.h"

namespace tarn::client {

class Overlay {
 public:
  // All references outlive it.
  struct Dependencies {
    role::Files& files;
    cache::CacheStore& cache;
    Clock& clock;
    host::OpenTable& table;
    host::Committer& committer;
    host::LiveFiles& live_files;
  };
  explicit Overlay(const Dependencies& dependencies) : deps_(dependencies) {}

  // A moment. Take it before attributes are read.
  uint64_t Now() const { return deps_.committer.settled().Now(); }
  // Replaces size and times by those of the live file where a program may be writing it. `info` was
  // read after the moment `since`.
  void Apply(role::FileInfo& info, uint64_t since);
  // Calls `use`, with the inode's mutex held, for a file without names that only its live file
  // knows the size and times of.
  Status WithUncommitted(const role::Attr& attr,
                         const std::function<Status(host::OpenInode&)>& use);

 private:
  void ApplyLive(host::OpenInode& inode, role::FileInfo& info) REQUIRES(inode.mutex);

  const Dependencies deps_;
};

}  // namespace tarn::client
