# Shows that a folder's rooms are closed: with the include path of a folder that depends on all others, every door is
# found and no other header.
#
# usage: cmake -DCOMPILER=... -DDOORS=BUILD/doors -DLISTS=BUILD/doors.cmake -P cmake/doors_test.cmake
include(${LISTS})  # Sets doors and inner_headers.
file(GLOB roots ${DOORS}/*)
list(TRANSFORM roots PREPEND -I)

# finds(RESULT HEADER): whether a source that includes HEADER is preprocessed.
function(finds result header)
  file(WRITE ${DOORS}/../doors_test.cc "#include \"${header}\"\n")
  execute_process(COMMAND ${COMPILER} -std=c++20 -fsyntax-only ${roots} ${DOORS}/../doors_test.cc
                  RESULT_VARIABLE status ERROR_VARIABLE said OUTPUT_QUIET)
  if(status EQUAL 0)
    set(${result} YES PARENT_SCOPE)
  elseif(said MATCHES "doors_test.cc:1:[0-9]+: fatal error")
    set(${result} NO PARENT_SCOPE)
  else()
    message(FATAL_ERROR "${header} is found, and does not compile:\n${said}")
  endif()
endfunction()

# All headers in one run, since starting the compiler is slow.
set(all "")
foreach(header ${inner_headers})
  string(APPEND all "#if __has_include(\"${header}\")\n#error ${header} can be included from other folders\n#endif\n")
endforeach()
foreach(header ${doors})
  string(APPEND all "#if !__has_include(\"${header}\")\n#error ${header} cannot be included\n#endif\n")
endforeach()
file(WRITE ${DOORS}/../doors_test.cc "${all}")
execute_process(COMMAND ${COMPILER} -std=c++20 -fsyntax-only ${roots} ${DOORS}/../doors_test.cc
                RESULT_VARIABLE status ERROR_VARIABLE said)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${said}")
endif()

# One door and one header of a room, as a folder would include them.
finds(door meta/namespace.h)
finds(inner meta/store/keys.h)
if(NOT door OR inner)
  message(FATAL_ERROR "#include \"meta/namespace.h\" compiles: ${door}; \"meta/store/keys.h\": ${inner}")
endif()
list(LENGTH doors open)
list(LENGTH inner_headers closed)
message(STATUS "${open} doors, ${closed} headers in rooms")
