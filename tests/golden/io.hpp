// Made by make_io.py; do not edit.
#pragma once

#include <string>

namespace golden {

inline const std::string npy_f4(
    "\223NUMPY\001\000v\000{'descr': '<f4"
    "', 'fortran_order': Fals"
    "e, 'shape': (2, 3), }   "
    "                        "
    "                        "
    "       \012\000\000\300\077\000\000\000\300\000\000\300\177\000\000\200\177"
    "\302\026\001\000\315\314\314=",
    152);

inline const std::string npy_f4_v2(
    "\223NUMPY\002\000t\000\000\000{'descr': '<"
    "f4', 'fortran_order': Fa"
    "lse, 'shape': (2, 3), } "
    "                        "
    "                        "
    "       \012\000\000\300\077\000\000\000\300\000\000\300\177\000\000\200\177"
    "\302\026\001\000\315\314\314=",
    152);

inline const std::string npy_f8_scalar(
    "\223NUMPY\001\000v\000{'descr': '<f8"
    "', 'fortran_order': Fals"
    "e, 'shape': (), }       "
    "                        "
    "                        "
    "       \012\232\231\231\231\231\231\271\077",
    136);

inline const std::string npy_u1(
    "\223NUMPY\001\000v\000{'descr': '|u1"
    "', 'fortran_order': Fals"
    "e, 'shape': (5,), }     "
    "                        "
    "                        "
    "       \012\000<x\264\360",
    133);

inline const std::string npy_i4(
    "\223NUMPY\001\000v\000{'descr': '<i4"
    "', 'fortran_order': Fals"
    "e, 'shape': (2, 1, 2), }"
    "                        "
    "                        "
    "       \012\001\000\000\000\376\377\377\377\003\000\000\000\377\377\377\177",
    144);

inline const std::string npy_i8(
    "\223NUMPY\001\000v\000{'descr': '<i8"
    "', 'fortran_order': Fals"
    "e, 'shape': (3,), }     "
    "                        "
    "                        "
    "       \012\000\000\000\000\000\000\000\200\377\377\377\377\377\377\377\177"
    "\377\377\377\377\377\377\377\377",
    152);

inline const std::string npy_b1(
    "\223NUMPY\001\000v\000{'descr': '|b1"
    "', 'fortran_order': Fals"
    "e, 'shape': (3,), }     "
    "                        "
    "                        "
    "       \012\001\000\001",
    131);

inline const std::string npy_empty(
    "\223NUMPY\001\000v\000{'descr': '<f4"
    "', 'fortran_order': Fals"
    "e, 'shape': (0, 3), }   "
    "                        "
    "                        "
    "       \012",
    128);

inline const std::string npy_fortran(
    "\223NUMPY\001\000v\000{'descr': '<f4"
    "', 'fortran_order': True"
    ", 'shape': (2, 3), }    "
    "                        "
    "                        "
    "       \012\000\000\300\077\000\000\200\177\000\000\000\300\302\026\001\000"
    "\000\000\300\177\315\314\314=",
    152);

inline const std::string npy_big_endian(
    "\223NUMPY\001\000v\000{'descr': '>f4"
    "', 'fortran_order': Fals"
    "e, 'shape': (2, 3), }   "
    "                        "
    "                        "
    "       \012\077\300\000\000\300\000\000\000\177\300\000\000\177\200\000\000"
    "\000\001\026\302=\314\314\315",
    152);

inline const std::string npy_object(
    "\223NUMPY\001\000v\000{'descr': '|O'"
    ", 'fortran_order': False"
    ", 'shape': (2,), }      "
    "                        "
    "                        "
    "       \012\200\003cnumpy.core.mu"
    "ltiarray\012_reconstruct\012q\000"
    "cnumpy\012ndarray\012q\001K\000\205q\002C\001"
    "bq\003\207q\004Rq\005(K\001K\002\205q\006cnumpy\012"
    "dtype\012q\007X\002\000\000\000O8q\010\211\210\207q\011Rq"
    "\012(K\003X\001\000\000\000|q\013NNNJ\377\377\377\377J\377\377\377"
    "\377K\077tq\014b\211]q\015(NK\001etq\016b.",
    285);

inline const std::string npy_struct(
    "\223NUMPY\001\000v\000{'descr': [('a"
    "', '<f4'), ('b', '<i4')]"
    ", 'fortran_order': False"
    ", 'shape': (2,), }      "
    "                        "
    "       \012\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000",
    144);

inline const std::string npy_rank5(
    "\223NUMPY\001\000v\000{'descr': '<f4"
    "', 'fortran_order': Fals"
    "e, 'shape': (1, 1, 1, 1,"
    " 2), }                  "
    "                        "
    "       \012\000\000\000\000\000\000\000\000",
    136);

inline const std::string safetensors_foreign(
    "\353\001\000\000\000\000\000\000{\042odd\042: {\042dtype\042"
    ": \042U8\042, \042shape\042: [5], \042d"
    "ata_offsets\042: [24, 29]},"
    " \042__metadata__\042: {\042forma"
    "t\042: \042pt\042, \042\134u00e9\134u4e16\134"
    "ud83d\134ude00\042: \042a\134n\134\042b\134\042\134"
    "\134\042}, \042f4\042: {\042dtype\042: \042F3"
    "2\042, \042shape\042: [2, 3], \042da"
    "ta_offsets\042: [0, 24]}, \042"
    "deep\042: {\042dtype\042: \042I64\042, "
    "\042shape\042: [1, 3, 1, 1, 1]"
    ", \042data_offsets\042: [29, 5"
    "3]}, \042none\042: {\042dtype\042: \042"
    "F64\042, \042shape\042: [0, 7], \042"
    "data_offsets\042: [29, 29]}"
    ", \042flags\042: {\042dtype\042: \042BO"
    "OL\042, \042shape\042: [3], \042data"
    "_offsets\042: [61, 64]}, \042s"
    "calar\042: {\042dtype\042: \042F64\042,"
    " \042shape\042: [], \042data_offs"
    "ets\042: [53, 61]}}   \000\000\300\077\000"
    "\000\000\300\000\000\300\177\000\000\200\177\302\026\001\000\315\314\314=\000<x\264\360"
    "\000\000\000\000\000\000\000\200\377\377\377\377\377\377\377\177\377\377\377\377\377\377\377\377"
    "\232\231\231\231\231\231\271\077\001\000\001",
    563);

// SHA-256 of the digests of the first 0, 1, .. 299 bytes of i * 7 % 256, put together.
inline const std::string sha256_chain =
    "2956ef4e8392a8964f6f552bfba7613a805ef8f8550abe7eedcd072dcec36695";

} // namespace golden
