#include "node/sources/page_source.h"

namespace tarn {
namespace {

class FillerPageSource final : public client::PageSource {
 public:
  explicit FillerPageSource(worker::Filler& filler) : filler_(filler) {}

  Status Fill(cache::LiveFile& file, const role::Binding& binding, uint64_t offset_bytes,
              uint64_t length_bytes) override {
    return filler_.Fill(file, binding, offset_bytes, length_bytes);
  }
  Status FillWhole(cache::LiveFile& file, const role::Binding& binding) override {
    return filler_.FillWhole(file, binding);
  }
  Status ReadThrough(const role::Binding& binding, uint64_t offset_bytes,
                     std::span<std::byte> out) override {
    return filler_.ReadThrough(binding, offset_bytes, out);
  }
  Status CheckReadable(const role::Binding& binding) override {
    return filler_.CheckReadable(binding);
  }
  void NoteRead(const ContentId& content, const role::Binding& binding, uint64_t offset_bytes,
                uint64_t length_bytes, ReadHistory& history) override {
    worker::ReadHistory own{history.next_offset, history.window_bytes, history.fetched_until};
    filler_.NoteRead(content, binding, offset_bytes, length_bytes, own);
    history = {own.next_offset, own.window_bytes, own.fetched_until};
  }

 private:
  worker::Filler& filler_;
};

}  // namespace

std::unique_ptr<client::PageSource> NewPageSource(worker::Filler& filler) {
  return std::make_unique<FillerPageSource>(filler);
}

}  // namespace tarn
