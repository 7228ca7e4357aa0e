private import CSystem

/// Memory in one piece that grows where it is or moves without being copied, and gives back what it no longer
/// uses. Pages that were never touched cost nothing. What holds it frees it.
@safe
struct GrowableMemory {
  private static let page = 4096
  private var start: UnsafeMutableRawPointer?
  /// Bytes of addresses.
  private var reserved = 0
  /// Bytes from the start that may have been written to since they were last given back.
  private(set) var touched = 0

  init() { unsafe start = nil }

  /// Where byte `offset` lies, until the next call of `grow`.
  @inline(__always)
  func at(_ offset: Int) -> UnsafeMutableRawPointer {
    guard let start = unsafe start, offset >= 0, offset < reserved else {
      preconditionFailure("outside of the memory")
    }
    return unsafe start + offset
  }

  /// Sees to it that the first `size` bytes can be used; new ones are zero, unless they were used before.
  mutating func grow(to size: Int) {
    if size > touched { touched = size }
    guard size > reserved else { return }
    var wanted = max(Self.page, reserved)
    while wanted < size { wanted *= 2 }
    let new =
      if let start = unsafe start {
        unsafe apus_remap(start, reserved, wanted)
      } else {
        unsafe apus_map(wanted)
      }
    guard let new = unsafe new else { fatalError("out of memory") }
    unsafe start = new
    reserved = wanted
  }

  /// Gives back what is not among the first `size` bytes, if it is worth a system call.
  mutating func trim(to size: Int) {
    guard touched - size > max(Self.page, touched / 8), let start = unsafe start else { return }
    let kept = (size + Self.page - 1) / Self.page * Self.page
    let end = min(reserved, (touched + Self.page - 1) / Self.page * Self.page)
    guard kept < end else { return }
    unsafe apus_discard(start + kept, end - kept)
    touched = kept
  }

  mutating func free() {
    if let start = unsafe start { unsafe apus_unmap(start, reserved) }
    self = GrowableMemory()
  }
}
