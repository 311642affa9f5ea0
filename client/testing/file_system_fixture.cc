#include "client/testing/file_system_fixture.h"

namespace tarn::client {

void FileSystemFixture::Start() {
  meta::RootMount root;
  root.uri = "mem://";
  root.identity = "mem";
  auto opened = meta::OpenNamespace(*store_, mounts_, clock_, meta_options_, root);
  CHECK(opened.ok());
  namespace_ = *std::move(opened);
  cache_ = cache::NewMemoryCacheStore(cache_bytes_, SystemClock());
  filler_ = worker::NewFiller(worker::FillerOptions{.threads = 2, .readahead_max_bytes = 0},
                              *cache_, mounts_, clock_);
  pages_ = std::make_unique<DemandedPages>(*filler_);
  const Dependencies dependencies{namespace_->GetNames(),
                                  FilesOfClient(),
                                  namespace_->GetWriters(),
                                  namespace_->GetMaintenance(),
                                  queue(),
                                  *cache_,
                                  *pages_,
                                  clock_};
  fs_ = NewFileSystem(dependencies, options_);
}

void FileSystemFixture::PersistDue() {
  for (const role::TaskClass size : {role::TaskClass::kSmall, role::TaskClass::kLarge}) {
    PersistDue(size);
  }
}

void FileSystemFixture::PersistDue(role::TaskClass size, size_t most) {
  worker::ActionRunner runner(
      *cache_, *filler_, mounts_, clock_, std::chrono::minutes(1),
      [this](const role::Action& action) { return queue().IsWanted(action); },
      [this](const role::Action& action, const std::string& file) {
        return queue().NoteFile(action, file);
      });
  auto tasks = queue().Lease(size, most, Nanos(0));
  ASSERT_TRUE(tasks.ok()) << tasks.status().ToString();
  for (const role::Task& task : *tasks) {
    for (;;) {
      auto action = queue().Prepare(task);
      ASSERT_TRUE(action.ok()) << action.status().ToString();
      if (action->kind == role::Action::Kind::kDone || action->kind == role::Action::Kind::kWait) {
        break;
      }
      worker::Done done = runner.Run(*action, {});
      role::PersistQueue::Settled item{task, *action, done.outcome};
      const Result<bool> persisted = queue().Settle(std::span(&item, 1)).front();
      ASSERT_TRUE(persisted.ok()) << persisted.status().ToString();
      if (!done.outcome.status.ok()) break;
      if (*persisted && done.content) {
        EXPECT_TRUE(done.content->MarkClean().ok());
      }
    }
  }
}

}  // namespace tarn::client
