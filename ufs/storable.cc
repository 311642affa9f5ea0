#include "ufs/storable.h"

#include "base/strings.h"
#include "ufs/local/local_paths.h"
#include "ufs/s3/names.h"

namespace tarn::ufs {

Status CheckStorable(const UfsTraits& traits, std::string_view key, Form form) {
  if (traits.scheme == "file") RETURN_IF_ERROR(CheckNotReserved(key));
  const size_t slash = key.rfind('/');
  const size_t name_bytes = slash == std::string_view::npos ? key.size() : key.size() - slash - 1;
  if (name_bytes > traits.max_name_bytes) {
    return Status(Code::kNameTooLong, Concat("a name of ", name_bytes, " bytes; the source takes ",
                                             traits.max_name_bytes));
  }
  const size_t written = traits.scheme == "s3" ? s3::EncodeKey(key).size() : key.size();
  const size_t bytes = written + (form == Form::kMarker ? 1 : 0);
  if (bytes <= traits.max_key_bytes) return OkStatus();
  return Status(Code::kNameTooLong,
                Concat("a path of ", bytes, " bytes; the source takes ", traits.max_key_bytes));
}

}  // namespace tarn::ufs
