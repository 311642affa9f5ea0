#pragma once

// For the tests of client/ that fetch files from the source, page by page.

#include <memory>
#include <string>
#include <string_view>

#include "client/testing/file_system_fixture.h"

namespace tarn::client {

inline std::string Pages(char first, size_t pages, std::string_view tail = "") {
  std::string text;
  for (size_t i = 0; i < pages; ++i) {
    text += std::string(kPageBytes, static_cast<char>(static_cast<size_t>(first) + i));
  }
  return text + std::string(tail);
}

class SourceTest : public FileSystemFixture {
 protected:
  SourceTest() { options_.fill_at_open_bytes = 0; }
  // A step of the queue that is prepared and not done yet.
  struct Held {
    role::Task task;
    role::Action action;
  };
  Held Prepare() {
    auto tasks = queue().Lease(role::TaskClass::kSmall, 1, Nanos(0));
    EXPECT_TRUE(tasks.ok() && tasks->size() == 1u);
    auto action = queue().Prepare(tasks->front());
    EXPECT_TRUE(action.ok()) << action.status().ToString();
    return {tasks->front(), *action};
  }
  role::Outcome Do(const Held& held) {
    worker::ActionRunner runner(
        *cache_, *filler_, mounts_, clock_, std::chrono::minutes(1),
        [this](const role::Action& action) { return queue().IsWanted(action); },
        [this](const role::Action& action, const std::string& file) {
          return queue().NoteFile(action, file);
        });
    role::Outcome outcome = runner.Run(held.action, {}).outcome;
    EXPECT_TRUE(outcome.status.ok()) << outcome.status.ToString();
    return outcome;
  }
  void Settle(const Held& held, const role::Outcome& outcome) {
    role::PersistQueue::Settled item{held.task, held.action, outcome};
    EXPECT_TRUE(queue().Settle(std::span(&item, 1)).front().ok());
  }
};

}  // namespace tarn::client
