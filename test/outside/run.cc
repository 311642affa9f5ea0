#include "outside/run.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <sstream>

#include "base/log.h"
#include "base/testing/temporary_directory.h"
#include "outside/versions.h"

namespace tarn::outside {
namespace {

class LogFile {
 public:
  LogFile() {
    LogOptions options;
    options.file = directory_ / "log";
    options.max_file_bytes = size_t{1} << 30;
    EXPECT_TRUE(StartLog(options).ok());
  }
  // What was logged since the last call.
  std::string Take() {
    FlushLog();
    std::ifstream file(directory_ / "log", std::ios::binary);
    file.seekg(read_);
    std::ostringstream text;
    text << file.rdbuf();
    read_ += static_cast<std::streamoff>(text.str().size());
    return text.str();
  }

 private:
  TemporaryDirectory directory_;
  std::streamoff read_ = 0;
};

LogFile& TheLogFile() {
  static LogFile file;
  return file;
}

// The other program.
class Outsider {
 public:
  Outsider(Place& place, const Case& one, Ending& ending)
      : place_(place), case_(one), ending_(ending) {}

  void Act() {
    const Objects before = place_.Look();
    const auto found = before.find(case_.victim);
    const bool there = found != before.end();
    NoteOurs(before);
    const size_t size = there ? found->second.bytes.size() : kBaseBytes;
    ending_.acted = Do(there, before, size);
    Objects after = place_.Look();
    for (auto& [key, seen] : after) {
      const auto old = before.find(key);
      const bool changed = old == before.end() || old->second != seen;
      if (changed && key.back() != '/') ending_.theirs.push_back({key, std::move(seen)});
    }
  }

 private:
  void NoteOurs(const Objects& objects) {
    for (const auto& [path, bytes] : case_.operation->after) {
      const auto there = objects.find(path);
      if (there != objects.end() && there->second.bytes == bytes) ending_.persisted.insert(path);
    }
  }
  bool HasDirectory(const Objects& objects) const {
    const auto below = objects.lower_bound(case_.victim + "/");
    return below != objects.end() && below->first.starts_with(case_.victim + "/");
  }
  bool Do(bool there, const Objects& objects, size_t size) {
    const std::string& key = case_.victim;
    const bool any = there || HasDirectory(objects);
    switch (case_.action) {
      case Action::kReplace:
        place_.Put(key, Filled('B', kPage + 3000));
        return true;
      case Action::kShorten:
        place_.Put(key, Filled('S', 300));
        return true;
      case Action::kSameSize:
        place_.Put(key, Filled('E', size));
        return true;
      case Action::kInPlace:
        return there && place_.WriteInPlace(key, Filled('I', size));
      case Action::kRemove:
        place_.Remove(key);
        return any;
      case Action::kDirectory:
        if (there) place_.Remove(key);
        place_.Put(key + "/theirs", Filled('T', 300));
        return true;
      case Action::kRemoveAndMake:
        place_.Remove(key);
        if (any) place_.Put(key, Filled('C', size));
        return any;
    }
    return false;
  }

  Place& place_;
  const Case& case_;
  Ending& ending_;
};

void Prepare(const Operation& operation, Place& place) {
  for (const auto& [key, bytes] : operation.before) {
    if (key.back() == '/') {
      place.MakeDirectory(key.substr(0, key.size() - 1));
    } else {
      place.Put(key, bytes);
    }
  }
}

void ReadFirstPage(const Operation& operation, Mounted& mounted) {
  mounted.ListAll();
  if (operation.reads_first == nullptr) return;
  const Status read = mounted.WithOpen(
      operation.reads_first, O_RDONLY,
      [&](client::OpenFile& file) { return mounted.Read(file, 0, 4096).status(); });
  ASSERT_TRUE(read.ok()) << read.ToString();
}

}  // namespace

void StartLogForRuns() { (void)TheLogFile().Take(); }

Ending Run(const Case& one) {
  (void)TheLogFile().Take();
  Ending ending;
  Points points;
  client::RequestClock clock;
  const std::unique_ptr<Place> place = NewPlace(one.kind);
  // A store in memory has objects only once it is open.
  Prepare(*one.operation, *place);
  Mounted mounted(clock, one.kill);
  mounted.Open(place->Open(points, clock));
  ReadFirstPage(*one.operation, mounted);
  Outsider outsider(*place, one, ending);
  points.Start(one.point, [&] { outsider.Act(); });
  ending.done = one.operation->run(mounted);
  mounted.Persist();
  points.Stop();
  ending.calls = points.Calls();
  ending.steps = mounted.Steps();
  ending.before_look = mounted.Names();
  const Status looked = mounted.LookAgain();
  EXPECT_TRUE(looked.ok()) << looked.ToString();
  mounted.Persist();
  ending.names = mounted.Names();
  ending.queue = mounted.Queue();
  ending.objects = place->Look();
  ending.log = TheLogFile().Take();
  return ending;
}

}  // namespace tarn::outside
