#include "fuse/loop/session_source.h"

#include <poll.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

namespace tarn::fuse {
namespace {

class SessionSource final : public RequestSource {
 public:
  SessionSource(fuse_session* session, std::function<void()> abort)
      : session_(session), abort_(std::move(abort)) {}
  std::unique_ptr<Slot> NewSlot() override { return std::make_unique<SessionSlot>(*this); }

 private:
  class SessionSlot final : public Slot {
   public:
    explicit SessionSlot(SessionSource& source)
        : session_(source.session_), abort_(source.abort_) {}
    ~SessionSlot() override { std::free(buffer_.mem); }

    bool HasRequest() override {
      pollfd wanted{fuse_session_fd(session_), POLLIN, 0};
      return poll(&wanted, 1, 0) > 0;
    }
    Result<Got> Receive() override {
      if (fuse_session_exited(session_)) return Got::kEnd;
      const int bytes = fuse_session_receive_buf(session_, &buffer_);
      if (bytes > 0) return Got::kRequest;
      if (bytes == 0) return Got::kEnd;
      if (bytes == -EINTR || bytes == -EAGAIN) return Got::kNothing;
      abort_();
      return ErrnoStatus(-bytes, "read a request of the kernel");
    }
    void Serve() override { fuse_session_process_buf(session_, &buffer_); }

   private:
    fuse_session* const session_;
    const std::function<void()>& abort_;
    fuse_buf buffer_ = {};  // libfuse allocates its memory at the first request.
  };

  fuse_session* const session_;
  const std::function<void()> abort_;
};

}  // namespace

std::unique_ptr<RequestSource> NewSessionSource(fuse_session* session,
                                                std::function<void()> abort) {
  return std::make_unique<SessionSource>(session, std::move(abort));
}

}  // namespace tarn::fuse
