#pragma once

// A directory for one run, removed with its contents. It is in memory where the machine has such a
// file system, since these tests have no power cuts.

#include <stdlib.h>

#include <memory>
#include <string>

#include "base/testing/temporary_directory.h"

namespace tarn::outside {

class Scratch {
 public:
  Scratch() {
    if (mkdtemp(path_.data()) != nullptr) return;
    slow_ = std::make_unique<TemporaryDirectory>();
    path_ = slow_->path();
  }
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/dev/shm/tarn-outside-test.XXXXXX";
  std::unique_ptr<TemporaryDirectory> slow_;
};

}  // namespace tarn::outside
