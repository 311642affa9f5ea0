# module(NAME [API ...] SRCS ... DEPS ... [LIBS ...] [DEFINES ...] [TESTS ...] [TESTING ...] [TEST_DEPS ...]
#        [TEST_SHARDS n] [BENCHES ...])
#
# Makes folder NAME a static library. API lists its doors: headers at the top of the folder, the only ones that other
# folders can include. Its other headers stand in rooms, which are sub-folders. The build enforces it:
# - A dependant's include path has the doors alone, so #include "meta/store/keys.h" does not compile outside meta/, and
#   #include "meta/namespace.h" does not compile where meta is not in DEPS.
# - A second target links the library alone, whole, with its declared DEPS, so that a symbol smuggled past the headers
#   does not link.
# - Each header is compiled alone. A door sees nothing but doors.
# - The test doors (cmake/doors_test.cmake) tries it: with the include path of a dependant no header of a room is found.
# Third-party LIBS, and DEFINES, stay private to the module.
#
# TESTS: x_test.cc files, built into one executable NAME_test, which with TEST_SHARDS runs n times at the same time,
# each time with a part of the tests. Fixtures, fakes and contracts stand in the room testing/. TESTING lists its sources; target
# NAME_testing offers them, and all headers of the folder, to the tests that name it in TEST_DEPS.
# BENCHES: into NAME_bench.
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  # GCC's -Wconversion does not warn of signs. Tests look behind mutexes once the threads have ended.
  set(test_options -Wno-sign-conversion -Wno-thread-safety)
  if(TARN_SANITIZE)
    list(APPEND test_options -DTARN_SANITIZED)
  endif()
endif()

# Two include roots of the folder: ROOM has all of it, DOOR its doors alone.
function(make_roots name)
  set(room ${CMAKE_BINARY_DIR}/rooms/${name})
  set(door ${CMAKE_BINARY_DIR}/doors/${name})
  file(MAKE_DIRECTORY ${room})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${room}/${name} SYMBOLIC)
  file(REMOVE_RECURSE ${door})
  file(MAKE_DIRECTORY ${door}/${name})
  foreach(header ${ARGN})
    if(header MATCHES / OR NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${header})
      message(FATAL_ERROR "${name}: '${header}' in API is no header at the top of the folder")
    endif()
    file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${header} ${door}/${name}/${header} SYMBOLIC)
  endforeach()
  set(room ${room} PARENT_SCOPE)
  set(door ${door} PARENT_SCOPE)
endfunction()

# A target that compiles each of the headers below the root alone, as a target that links LIBS sees them.
function(verify_headers target root)
  cmake_parse_arguments(M "" "" "HEADERS;LIBS;DEFINES" ${ARGN})
  if(NOT M_HEADERS)
    return()
  endif()
  add_library(${target} INTERFACE)
  list(TRANSFORM M_HEADERS PREPEND ${root}/)
  target_sources(${target} INTERFACE FILE_SET HEADERS BASE_DIRS ${root} FILES ${M_HEADERS})
  target_compile_definitions(${target} INTERFACE ${M_DEFINES})
  if(TARN_PRECOMPILE AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # All of these sources have the same options as the target whose precompiled header they take.
    target_compile_options(${target} INTERFACE -include ${CMAKE_BINARY_DIR}/CMakeFiles/precompiled.dir/cmake_pch.hxx)
  else()
    target_compile_options(${target} INTERFACE -O0 -g0)  # Nothing of it runs.
  endif()
  target_link_libraries(${target} INTERFACE ${M_LIBS})
  set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
endfunction()

function(module name)
  cmake_parse_arguments(M "" "TEST_SHARDS" "API;SRCS;DEPS;LIBS;DEFINES;TESTS;TESTING;TEST_DEPS;BENCHES" ${ARGN})
  make_roots(${name} ${M_API})
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} *.h)
  set(testing_headers ${headers})
  list(FILTER headers EXCLUDE REGEX "^testing/")
  list(FILTER testing_headers INCLUDE REGEX "^testing/")
  list(REMOVE_ITEM headers ${M_API})
  set(doors ${M_API})
  list(FILTER doors INCLUDE REGEX "\\.h$")

  # The roots only: with the folder itself on the path, its strings.h would hide the system's <strings.h>.
  add_library(${name} STATIC ${M_SRCS})
  target_include_directories(${name} PRIVATE ${room} INTERFACE ${door})
  target_compile_definitions(${name} PRIVATE ${M_DEFINES})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
  target_link_libraries(${name} PUBLIC ${M_DEPS} PRIVATE ${M_LIBS})
  precompile(${name})
  foreach(header ${M_API})
    set_property(GLOBAL APPEND PROPERTY TARN_DOORS ${name}/${header})
  endforeach()
  foreach(header ${headers} ${testing_headers})
    set_property(GLOBAL APPEND PROPERTY TARN_INNER_HEADERS ${name}/${header})
  endforeach()

  list(TRANSFORM doors PREPEND ${name}/)
  list(TRANSFORM headers PREPEND ${name}/ )
  list(TRANSFORM testing_headers PREPEND ${name}/ )
  verify_headers(${name}_doors ${door} HEADERS ${doors} LIBS ${M_DEPS})
  verify_headers(${name}_rooms ${room} HEADERS ${headers} LIBS ${M_DEPS} ${M_LIBS} DEFINES ${M_DEFINES})

  add_executable(${name}_links_alone ${CMAKE_SOURCE_DIR}/cmake/empty_main.cc)
  target_link_libraries(${name}_links_alone PRIVATE "$<LINK_LIBRARY:WHOLE_ARCHIVE,${name}>")

  if(TARN_TESTS)
    add_tests(${name})
  endif()
  if(TARN_BENCH AND M_BENCHES)
    add_executable(${name}_bench ${M_BENCHES})
    target_include_directories(${name}_bench PRIVATE ${room})
    target_link_libraries(${name}_bench PRIVATE ${name} ${M_TEST_DEPS} benchmark::benchmark_main)
  endif()
endfunction()

# The targets that only TARN_TESTS builds: NAME_testing and NAME_test. Reads module()'s variables.
function(add_tests name)
  if(M_TESTING)
    add_library(${name}_testing STATIC ${M_TESTING})
    target_compile_options(${name}_testing PRIVATE ${test_options} ${test_optimization})
    precompile(${name}_testing TESTS)
    set(kind PUBLIC)
  else()
    add_library(${name}_testing INTERFACE)
    set(kind INTERFACE)
  endif()
  target_include_directories(${name}_testing ${kind} ${room})
  target_link_libraries(${name}_testing ${kind} ${name} ${M_TEST_DEPS} GTest::gmock GTest::gtest)
  verify_headers(${name}_testing_headers ${room} HEADERS ${testing_headers} LIBS ${name}_testing)
  if(NOT M_TESTS)
    return()
  endif()
  add_executable(${name}_test ${M_TESTS})
  target_link_libraries(${name}_test PRIVATE ${name}_testing GTest::gtest_main)
  target_compile_options(${name}_test PRIVATE ${test_options} ${test_optimization})
  precompile(${name}_test TESTS)
  add_test_runs(${name} ${M_TEST_SHARDS})
  add_dependencies(unit_tests ${name}_test)
endfunction()

# Runs NAME_test as one test, or in this number of shards.
function(add_test_runs name)
  if(NOT ARGN)
    add_test(NAME ${name} COMMAND ${name}_test)
    set_tests_properties(${name} PROPERTIES TIMEOUT 1800)
    return()
  endif()
  math(EXPR last "${ARGN} - 1")
  foreach(shard RANGE ${last})
    add_test(NAME ${name}.${shard} COMMAND ${name}_test)
    set(report json:${CMAKE_BINARY_DIR}/reports/${name}.${shard}_test.json)
    set_tests_properties(${name}.${shard} PROPERTIES TIMEOUT 1800 ENVIRONMENT
      "GTEST_TOTAL_SHARDS=${ARGN};GTEST_SHARD_INDEX=${shard};GTEST_OUTPUT=${report}")
  endforeach()
endfunction()
