#include "ufs/s3/credentials/run_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"

namespace tarn::ufs::s3 {
namespace {

constexpr size_t kMostBytes = 64 << 10;
constexpr int kTickMs = 50;

// A pipe, and what came through it.
class Drain {
 public:
  Drain() = default;
  Drain(const Drain&) = delete;
  Drain& operator=(const Drain&) = delete;
  ~Drain() {
    Close(ends_[0]);
    Close(ends_[1]);
  }

  Status Open() {
    if (pipe2(ends_, O_CLOEXEC) != 0) return ErrnoStatus(errno, "make a pipe");
    fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    return OkStatus();
  }
  int source() const { return ends_[0]; }
  int target() const { return ends_[1]; }
  void CloseTarget() { Close(ends_[1]); }

  // Reads what is in the pipe now. Closes it at its end.
  void Take(std::string& text, bool& cut) {
    char buffer[4096];
    while (ends_[0] >= 0) {
      const ssize_t got = read(ends_[0], buffer, sizeof buffer);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) return Close(ends_[0]);
      const size_t room = kMostBytes - text.size();
      cut = cut || static_cast<size_t>(got) > room;
      text.append(buffer, std::min(room, static_cast<size_t>(got)));
    }
  }

 private:
  static void Close(int& fd) {
    if (fd >= 0) close(fd);
    fd = -1;
  }
  int ends_[2] = {-1, -1};
};

// Signals are reset as in a program that a shell starts. This process may block or ignore some.
int Spawn(const std::vector<std::string>& words, int out, int errors, pid_t* child) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, errors, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const int error =
      posix_spawnp(child, arguments[0], &files, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

// Whether the program is over.
bool IsOver(pid_t child, ProgramOutput& output) {
  int status = 0;
  if (waitpid(child, &status, WNOHANG) != child) return false;
  output.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

void Kill(pid_t child) {
  kill(-child, SIGKILL);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<ProgramOutput> RunProgram(const std::vector<std::string>& words, const CallOptions& call,
                                 const Clock& clock) {
  Drain out;
  Drain errors;
  RETURN_IF_ERROR(out.Open());
  RETURN_IF_ERROR(errors.Open());
  pid_t child = 0;
  const int error = Spawn(words, out.target(), errors.target(), &child);
  if (error != 0) return ErrnoStatus(error, Concat("start ", words[0]));
  out.CloseTarget();
  errors.CloseTarget();
  ProgramOutput output;
  for (;;) {
    pollfd both[] = {{out.source(), POLLIN, 0}, {errors.source(), POLLIN, 0}};
    poll(both, 2, kTickMs);
    // All output of the program is in the pipes by now. A child that it left behind may keep them
    // open.
    const bool over = IsOver(child, output);
    out.Take(output.text, output.cut);
    errors.Take(output.error_text, output.cut);
    if (over) return output;
    const bool stopped = call.stop.stop_requested();
    if (!stopped && !call.deadline.PassedBy(clock.Now())) continue;
    Kill(child);
    if (stopped) return Status(Code::kCancelled, Concat("run ", words[0]));
    return Status(Code::kDeadlineExceeded,
                  Concat("run ", words[0], ": it did not end in time and was killed"));
  }
}

}  // namespace tarn::ufs::s3
