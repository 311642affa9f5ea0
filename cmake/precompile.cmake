# precompile(TARGET [TESTS])
#
# With TARN_PRECOMPILE a target takes the headers that most sources include from a precompiled one, which all targets
# share, also those that compile each header alone. A build from nothing takes three quarters of the time, one with
# clang half. It hides a missing #include of the standard library:
# `scripts/test --long` builds the preset `plain`, which has none.
set(precompiled_std <algorithm> <array> <atomic> <charconv> <chrono> <condition_variable> <cstdint> <deque> <fstream>
  <functional> <map> <memory> <mutex> <optional> <set> <span> <sstream> <stop_token> <string> <string_view> <thread>
  <unordered_map> <utility> <variant> <vector>)

if(TARN_PRECOMPILE)
  # Some libraries need it, and all users of a precompiled header must have the same options.
  add_compile_options(-pthread)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # GCC forgets that inlined code of a precompiled header stands in a system header, and warns of std::string.
    add_compile_options(-Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
  endif()
  add_library(precompiled OBJECT ${CMAKE_SOURCE_DIR}/cmake/empty_main.cc)
  target_precompile_headers(precompiled PRIVATE ${precompiled_std})
  if(TARN_TESTS)
    add_library(precompiled_tests OBJECT ${CMAKE_SOURCE_DIR}/cmake/empty_main.cc)
    target_precompile_headers(precompiled_tests PRIVATE ${precompiled_std} <gtest/gtest.h> <gmock/gmock.h>)
    target_compile_options(precompiled_tests PRIVATE ${test_optimization})
    target_link_libraries(precompiled_tests PRIVATE GTest::gmock GTest::gtest)
  endif()
endif()

function(precompile target)
  if(NOT TARN_PRECOMPILE)
    return()
  endif()
  if(ARGV1 STREQUAL TESTS)
    target_precompile_headers(${target} REUSE_FROM precompiled_tests)
  else()
    target_precompile_headers(${target} REUSE_FROM precompiled)
  endif()
endfunction()
