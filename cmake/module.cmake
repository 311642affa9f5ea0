# module(NAME SRCS ... HDRS ... DEPS ... [LIBS ...] [TESTS ...] [TEST_LIBS ...] [TEST_SHARDS n] [BENCHES ...])
#
# Makes folder NAME a static library with an include root of its own, so that a folder sees only its own headers and
# those of its DEPS: #include "meta/..." does not compile where meta is not in DEPS. A second target links the library
# alone, whole, with its declared DEPS, so that a symbol smuggled past the headers does not link. Each header is
# compiled alone. Third-party LIBS stay private to the module.
#
# TESTS: x_test.cc files, built into one executable NAME_test, which with TEST_SHARDS runs n times at once, each time
# with a part of them. BENCHES: into NAME_bench.
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  # What GCC's -Wconversion leaves out; and tests look behind mutexes once the threads have ended.
  set(test_options -Wno-sign-conversion -Wno-thread-safety)
  if(TARN_SANITIZE)
    list(APPEND test_options -DTARN_SANITIZED)
  endif()
endif()

function(module name)
  cmake_parse_arguments(M "" "TEST_SHARDS" "SRCS;HDRS;DEPS;LIBS;TESTS;TEST_LIBS;BENCHES" ${ARGN})
  set(root ${CMAKE_BINARY_DIR}/roots/${name})
  file(MAKE_DIRECTORY ${root})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${root}/${name} SYMBOLIC)

  add_library(${name} STATIC ${M_SRCS})
  # Under the root only: with the folder itself on the path, its strings.h would hide the system's <strings.h>.
  list(TRANSFORM M_HDRS PREPEND ${root}/${name}/)
  target_sources(${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${root} FILES ${M_HDRS})
  target_include_directories(${name} PUBLIC ${root})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX VERIFY_INTERFACE_HEADER_SETS ON)
  target_link_libraries(${name} PUBLIC ${M_DEPS} PRIVATE ${M_LIBS})
  precompile(${name})

  add_executable(${name}_links_alone ${CMAKE_SOURCE_DIR}/cmake/empty_main.cc)
  target_link_libraries(${name}_links_alone PRIVATE "$<LINK_LIBRARY:WHOLE_ARCHIVE,${name}>")

  if(TARN_TESTS AND M_TESTS)
    add_executable(${name}_test ${M_TESTS})
    target_link_libraries(${name}_test PRIVATE ${name} ${M_TEST_LIBS} GTest::gmock GTest::gtest_main)
    target_compile_options(${name}_test PRIVATE ${test_options} ${test_optimization})
    precompile(${name}_test TESTS)
    if(NOT M_TEST_SHARDS)
      add_test(NAME ${name} COMMAND ${name}_test)
      set_tests_properties(${name} PROPERTIES TIMEOUT 1800)
    else()
      math(EXPR last "${M_TEST_SHARDS} - 1")
      foreach(shard RANGE ${last})
        add_test(NAME ${name}.${shard} COMMAND ${name}_test)
        set(report json:${CMAKE_BINARY_DIR}/reports/${name}.${shard}_test.json)
        set_tests_properties(${name}.${shard} PROPERTIES TIMEOUT 1800 ENVIRONMENT
          "GTEST_TOTAL_SHARDS=${M_TEST_SHARDS};GTEST_SHARD_INDEX=${shard};GTEST_OUTPUT=${report}")
      endforeach()
    endif()
    add_dependencies(unit_tests ${name}_test)
  endif()
  if(TARN_BENCH AND M_BENCHES)
    add_executable(${name}_bench ${M_BENCHES})
    target_link_libraries(${name}_bench PRIVATE ${name} ${M_TEST_LIBS} benchmark::benchmark_main)
  endif()
endfunction()
