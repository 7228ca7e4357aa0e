internal import CSystem
internal import Glibc

/// Reads source files at offsets; keeps the last one open. Confined to one thread.
struct SourceReader: ~Copyable {
  private var descriptor: Int32 = -1
  private var open: Int?

  init() {}

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Fills `range` of `buffer` from `offset` of a file; an end before that means that it has changed.
  mutating func read(
    _ file: SourceFile, index: Int, at offset: Int64, into buffer: inout [UInt8], _ range: Range<Int>
  ) throws(CreationError) {
    if open != index { try turn(to: file, index: index) }
    var position = range.lowerBound
    var place = offset
    while position < range.upperBound {
      let descriptor = descriptor
      let count = unsafe buffer.withUnsafeMutableBytes { bytes in
        unsafe pread(
          descriptor, bytes.baseAddress.map { unsafe $0 + position }, range.upperBound - position,
          off_t(place))
      }
      if count < 0 {
        if apus_errno() == EINTR { continue }
        throw .system(file.location)
      }
      guard count > 0 else { throw .changed(path: file.location) }
      position += count
      place += Int64(count)
    }
  }

  private mutating func turn(to file: SourceFile, index: Int) throws(CreationError) {
    if descriptor >= 0 { close(descriptor) }
    open = nil
    descriptor = unsafe apus_open(file.location, O_RDONLY, 0)
    guard descriptor >= 0 else { throw .system(file.location) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw .system(file.location) }
    guard FileStamp(status) == file.stamp else { throw .changed(path: file.location) }
    // Only a hint; where it is refused nothing is lost.
    _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
    open = index
  }
}
