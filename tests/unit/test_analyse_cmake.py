"""Builds by CMake: the files that belong to them, and what these ask for."""

from __future__ import annotations

import pytest

from envcompose.analyse.cmake import branch_at
from tests.unit.analyse_parts import analyse, required, tools, traps

BY_CMAKE = """
    import os
    from setuptools import Extension, setup
    from setuptools.command.build_ext import build_ext

    class Build(build_ext):
        def build_extension(self, ext):
            os.system(f"cd {self.build_temp} && cmake {os.getcwd()}")

    setup(name="demo", ext_modules=[Extension("_demo", [])], cmdclass={"build_ext": Build})
"""


def test_what_cmake_includes_belongs_to_the_build() -> None:
    files = {
        "setup.py": BY_CMAKE,
        "CMakeLists.txt": """
            project(demo CXX)
            if(APPLE)
              include(metal)
            endif()
            list(APPEND CMAKE_MODULE_PATH ${CMAKE_SOURCE_DIR}/cmake)
            include(torch)
            include(${CMAKE_CURRENT_LIST_DIR}/cmake/fetched.cmake)
            if(DEMO_TENSORFLOW)
              add_subdirectory(tensorflow)
            endif()
        """,
        "cmake/torch.cmake": "find_package(Torch REQUIRED)\n",
        "cmake/metal.cmake": 'execute_process(COMMAND python -c "import metal")\n',
        "cmake/fetched.cmake": "function(get)\n  FetchContent_Declare(pybind11 URL https://host.invalid/p.zip)\nendfunction()\n",
        "tensorflow/CMakeLists.txt": 'execute_process(COMMAND python -c "import tensorflow")\n',
    }
    analysis = analyse(files)
    assert required(analysis) == {"cmake", "setuptools", "torch"}
    torch = next(need for need in analysis.build_needs if need.distribution == "torch")
    assert str(torch.place) == "cmake/torch.cmake:1"
    tensorflow = next(need for need in analysis.build_needs if need.distribution == "tensorflow")
    assert (tensorflow.required, tensorflow.condition) == (False, "CMake's DEMO_TENSORFLOW")
    assert tools(analysis) == {"cmake": None, "cxx": None, "network": None}
    assert analysis.links_torch and "torch-undeclared" in traps(analysis)


def test_what_python_is_to_tell_cmake_must_be_importable() -> None:
    asked = """
        find_package(Python 3.9 REQUIRED COMPONENTS Interpreter Development.Module NumPy)
        execute_process(
          COMMAND "${Python_EXECUTABLE}" -m nanobind --cmake_dir
          OUTPUT_VARIABLE nanobind_ROOT)
        execute_process(COMMAND ${PYTHON} "-c" "import sys; import pybind11; print(pybind11.get_include())"
          OUTPUT_VARIABLE PYBIND11)
        execute_process(COMMAND ${PYTHON} -c "import mpi4py; print(1)" RESULT_VARIABLE NO_MPI ERROR_QUIET)
        # execute_process(COMMAND ${PYTHON} -c "import nothing")
        execute_process(COMMAND ${PYTHON} -c "import helper" WORKING_DIRECTORY tools)
    """
    analysis = analyse({"setup.py": BY_CMAKE, "CMakeLists.txt": asked, "native/helper.py": ""})
    assert required(analysis) == {"cmake", "nanobind", "numpy", "pybind11", "setuptools"}
    assert "mpi4py" in {need.distribution for need in analysis.build_needs} - required(analysis)


def test_cuda_and_downloads_of_cmake_carry_the_conditions_of_the_way_to_them() -> None:
    files = {
        "setup.py": BY_CMAKE,
        "CMakeLists.txt": """
            option(WITH_VULKAN "vulkan" OFF)
            option(WITH_CUDA "cuda" OFF)
            if(WITH_CUDA)
              add_subdirectory(${PROJECT_SOURCE_DIR}/cuda)
            endif()
            if (WITH_VULKAN)
              add_subdirectory(vulkan)
            endif ()
        """,
        "cuda/CMakeLists.txt": """
            if(NOT TARGET demo_cuda)
            if(CUDAToolkit_FOUND)
            enable_language(CUDA)
            if(DEFINED CUTLASS_DIR)
              FetchContent_Declare(cutlass SOURCE_DIR ${CUTLASS_DIR})
            else()
              FetchContent_Declare(cutlass GIT_REPOSITORY https://host.invalid/cutlass.git)
            endif()
            endif()
            endif()
        """,
        "vulkan/CMakeLists.txt": "FetchContent_Declare(headers URL https://host.invalid/h.zip)\n",
        "cuda/a.cu": "",
    }
    found = tools(analyse(files))
    assert found["nvcc"] == "CMake's WITH_CUDA and CMake's CUDAToolkit_FOUND"
    assert "network" not in found
    on = files | {"CMakeLists.txt": files["CMakeLists.txt"].replace('"cuda" OFF', '"cuda" ON')}
    way = "CMake's WITH_CUDA and CMake's CUDAToolkit_FOUND and CMake's not DEFINED CUTLASS_DIR"
    assert tools(analyse(on))["network"] == way


BLOCKS = {
    "if(UNIX)\n{0}\nelseif(WIN32)\n{1}\nelse()\n{2}\nendif()": {0: ""},
    "if(WIN32)\n{0}\nelseif(APPLE)\n{1}\nelse()\n{2}\nendif()": {2: ""},
    "if(USE_CUDA)\n{0}\nelseif(APPLE)\n{1}\nelse()\n{2}\nendif()": {0: "USE_CUDA", 2: "not USE_CUDA"},
    "if(NOT WIN32)\n{0}\nelseif(FOO)\n{1}\nelse()\n{2}\nendif()": {0: ""},
    "if(A)\n{0}\nelseif(B)\n{1}\nelse()\n{2}\nendif()": {0: "A", 1: "not A|B", 2: "not A|not B"},
    "if(A)\nif(B)\n{0}\nelse()\n{1}\nendif()\nelse()\n{2}\nendif()": {0: "A|B", 1: "A|not B", 2: "not A"},
}


@pytest.mark.parametrize("block", BLOCKS)
def test_a_half_of_a_block_holds_only_where_none_before_it_does(block: str) -> None:
    living = {}
    for place in range(3):
        text = block.format(*("enable_language(CUDA)" if place == number else "" for number in range(3)))
        line = text.split("\n").index("enable_language(CUDA)") + 1
        branch = branch_at(text, line)
        if not branch.dead:
            living[place] = "|".join(condition.removeprefix("CMake's ") for condition in branch.conditions)
    assert living == BLOCKS[block]


def test_cmake_texts_of_any_depth_and_circle_are_met_with_an_answer() -> None:
    deep = "if(A)\n" * 20_000 + "include(deep)\nadd_subdirectory(.)\nenable_language(CUDA)\n" + "else()\n" * 20_000
    analysis = analyse({"setup.py": BY_CMAKE, "CMakeLists.txt": deep, "deep.cmake": "include(deep)\nendif()\n"})
    assert "cmake" in tools(analysis)


def test_folders_that_a_variable_of_cmake_names_may_belong_to_the_build() -> None:
    files = {
        "setup.py": BY_CMAKE,
        "CMakeLists.txt": "function(add_backend name)\n  add_subdirectory(demo-${name})\nendfunction()\nadd_backend(cuda)\n",
        "demo-cuda/CMakeLists.txt": "enable_language(CUDA)\n",
        "demo-cuda/deep/CMakeLists.txt": 'execute_process(COMMAND python -c "import jinja2")\n',
    }
    analysis = analyse(files)
    assert tools(analysis)["nvcc"] == "CMake adds demo-cuda"
    assert required(analysis) == {"cmake", "setuptools"}


def test_a_module_of_its_own_by_which_cmake_finds_something_belongs_to_the_build() -> None:
    files = {
        "setup.py": BY_CMAKE,
        "CMakeLists.txt": "find_package(DemoNumPy REQUIRED)\nset(WISHED)\nfind_package(DemoTorch 1.5 ${WISHED_REQUIRED})\n",
        "cmake/FindDemoNumPy.cmake": 'execute_process(COMMAND ${PYTHON} -c "import numpy; print(1)")\n',
        "cmake/FindDemoTorch.cmake": "find_package(Torch)\nexecute_process(COMMAND ${PYTHON} -c 'import mpi4py')\n",
    }
    analysis = analyse(files)
    assert required(analysis) == {"cmake", "numpy", "setuptools"}
    wished = next(need for need in analysis.build_needs if need.distribution == "mpi4py")
    assert wished.condition == "CMake finds DemoTorch"
