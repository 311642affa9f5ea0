#include "outside.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <random>
#include <thread>
#include <vector>

#include "versions.h"

namespace model {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostCells = 100'000;  // A few pages of the cache.

std::atomic<uint32_t> last_number{0};  // The last number of a base or write, of both players.

// The application or the other program, with random choices of its own.
class Player {
 public:
  Player(std::string root, uint64_t seed) : root_(std::move(root)), random_(seed) {}

 protected:
  uint64_t Below(uint64_t n) { return random_() % n; }
  std::string Name() {
    static const char* const kDirectories[] = {"", "", "d0/", "d1/"};
    return kDirectories[Below(4)] + std::string("f") + std::to_string(Below(12));
  }
  std::string At(const std::string& name) const { return root_ + "/" + name; }
  size_t SomeCells() { return Below(10) < 7 ? Below(200) : Below(kMostCells); }
  static uint32_t Number() { return ++last_number; }
  std::string NewVersion() {
    const uint32_t base = Number();
    return Cells(base, 0, 0, SomeCells());
  }
  // The result does not matter, since the other player may have been there first.
  static void WriteFile(const std::string& path, int flags, const std::string& bytes) {
    const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | flags, 0644);
    if (file < 0) return;
    for (size_t done = 0; done < bytes.size();) {
      const ssize_t put = write(file, bytes.data() + done, bytes.size() - done);
      if (put <= 0) break;
      done += static_cast<size_t>(put);
    }
    close(file);
  }

 private:
  const std::string root_;
  std::mt19937_64 random_;
};

class Outsider final : public Player {
 public:
  explicit Outsider(const OutsideOptions& options)
      : Player(options.source, options.seed + 1), fresh_(options.scratch + "/fresh") {}

  void Step() {
    const std::string path = At(Name());
    std::error_code error;
    switch (Below(10)) {
      case 0:
      case 1:
        return WriteFile(path, O_TRUNC, NewVersion());
      case 2:
        return Shorten(path);
      case 3:
        fs::remove(path, error);
        return;
      case 4:
        fs::remove(path, error);
        return WriteFile(path, O_CREAT | O_EXCL, NewVersion());
      case 5:
        return MakeDirectory(path);
      default:
        WriteFile(fresh_, O_CREAT | O_TRUNC, NewVersion());
        fs::rename(fresh_, path, error);
    }
  }

 private:
  void Shorten(const std::string& path) {
    struct stat st = {};
    if (lstat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) return;
    const uint64_t cells = static_cast<uint64_t>(st.st_size) / kCell;
    if (cells > 0 && truncate(path.c_str(), static_cast<off_t>(Below(cells) * kCell)) != 0) return;
  }
  // The next step that finds it removes it.
  void MakeDirectory(const std::string& path) {
    std::error_code error;
    if (fs::is_directory(path, error)) {
      fs::remove_all(path, error);
    } else if (Below(4) == 0) {
      fs::remove(path, error);
      fs::create_directory(path, error);
      WriteFile(path + "/theirs", O_CREAT, NewVersion());
    }
  }

  const std::string fresh_;
};

class Application final : public Player {
 public:
  explicit Application(const OutsideOptions& options) : Player(options.mount, options.seed) {}

  bool Step() {
    const std::string path = At(Name());
    switch (Below(14)) {
      case 0:
        WriteFile(path, O_CREAT | O_TRUNC, NewVersion());
        return true;
      case 1:
        return Save(path);
      case 2:
      case 3:
      case 4:
        return WriteOn(path);
      case 5:
        return Cut(path);
      case 6:
        (void)!chmod(path.c_str(), Below(2) == 0 ? 0600 : 0644);
        return true;
      case 7:
        (void)!rename(path.c_str(), At(Name()).c_str());
        return true;
      case 8:
        (void)!renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, At(Name()).c_str(), RENAME_EXCHANGE);
        return true;
      case 9:
        (void)!link(path.c_str(), At(Name()).c_str());
        return true;
      case 10:
        (void)!unlink(path.c_str());
        return true;
      default:
        return Read(path);
    }
  }

 private:
  bool Save(const std::string& path) {
    const std::string fresh = At("t" + std::to_string(Below(3)));
    WriteFile(fresh, O_CREAT | O_TRUNC, NewVersion());
    (void)!rename(fresh.c_str(), path.c_str());
    return true;
  }
  // Reads the base of the file, and writes cells of that base inside it or behind its end.
  bool WriteOn(const std::string& path) {
    const int file = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0) return true;
    char cell[kCell];
    const ssize_t got = pread(file, cell, kCell, 0);
    struct stat st = {};
    const bool usable = got == kCell && fstat(file, &st) == 0;
    const bool read = got >= 0 || Allowed(path, errno);
    if (usable) {
      const auto base = BaseOf(std::string_view(cell, kCell));
      const size_t cells = static_cast<size_t>(st.st_size) / kCell;
      const size_t first = Below(2) == 0 ? cells : Below(cells);
      const size_t count = first == cells ? 1 + Below(100) : 1;
      const std::string bytes = Cells(*base, Number(), first, count);
      (void)!pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(first * kCell));
    }
    close(file);
    return read;
  }
  bool Cut(const std::string& path) {
    struct stat st = {};
    if (lstat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) return true;
    const int file = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0) return true;
    // The open file is cut, since the name may be another file's by now. A longer file gets a hole.
    if (fstat(file, &st) == 0 && st.st_size >= static_cast<off_t>(kCell)) {
      const uint64_t cells = static_cast<uint64_t>(st.st_size) / kCell;
      (void)!ftruncate(file, static_cast<off_t>(Below(cells) * kCell));
    }
    close(file);
    return true;
  }
  bool Read(const std::string& path) {
    std::string bytes;
    const int result = ReadWhole(path, &bytes);
    if (result != 0) return Allowed(path, -result);
    const std::string fault = Fault(bytes);
    if (fault.empty()) return true;
    printf("%s is mixed: %s\n", path.c_str(), fault.c_str());
    return false;
  }
  static bool Allowed(const std::string& path, int error) {
    if (error == EIO || error == ENOENT || error == EISDIR || error == ENOTDIR || error == ELOOP) {
      return true;
    }
    printf("read %s: %s\n", path.c_str(), strerror(error));
    return false;
  }
};

}  // namespace

bool PlayWithOutside(const OutsideOptions& options) {
  for (const char* name : {"/d0", "/d1"}) mkdir((options.mount + name).c_str(), 0755);
  std::atomic<bool> ended = false;
  std::thread other([&] {
    Outsider outsider(options);
    while (!ended) {
      outsider.Step();
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
    }
  });
  Application application(options);
  bool good = true;
  uint64_t step = 0;
  for (; good && step < options.steps; ++step) good = application.Step();
  ended = true;
  other.join();
  if (!good) printf("at step %lu, seed %lu\n", step, options.seed);
  return good;
}

}  // namespace model
