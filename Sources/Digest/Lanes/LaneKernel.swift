internal import CLanes

/// A way to hash many messages at once. All give the same digests; tests force each of them.
enum LaneKernel: CaseIterable {
  /// The fastest for each number of messages.
  case best
  /// One message after the other, by libcrypto: what other processors have.
  case single
  /// Two at a time, with the SHA instructions of x86.
  case pairs
  /// Sixteen at a time, with AVX-512.
  case wide

  private static let found = apus_lanes_best()

  /// Whether this processor can.
  var isSupported: Bool {
    switch self {
    case .best, .single: true
    case .pairs: Self.found.has_pairs != 0
    case .wide: Self.found.sha1_wide_from <= APUS_LANES
    }
  }

  /// What the C functions take. Only for a kernel that is supported.
  var parameters: apus_lanes_kernel {
    let never = UInt32(APUS_LANES) + 1
    return switch self {
    case .best: Self.found
    case .single: apus_lanes_kernel(has_pairs: 0, sha1_wide_from: never, sha256_wide_from: never)
    case .pairs: apus_lanes_kernel(has_pairs: 1, sha1_wide_from: never, sha256_wide_from: never)
    case .wide: apus_lanes_kernel(has_pairs: 0, sha1_wide_from: 1, sha256_wide_from: 1)
    }
  }
}
