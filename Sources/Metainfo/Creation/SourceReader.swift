internal import CSystem
internal import Glibc

/// Reads source files at offsets; keeps some of those that it read last open. Confined to one thread.
struct SourceReader: ~Copyable {
  private struct Slot {
    var descriptor: Int32 = -1
    var index = -1
  }

  /// Pieces that are read side by side lie in files that follow each other: a file's place is its index,
  /// modulo the number of slots.
  private var slots = [Slot](repeating: Slot(), count: 32)

  init() {}

  deinit { for slot in slots where slot.descriptor >= 0 { _ = Glibc.close(slot.descriptor) } }

  /// Fills `target` from `offset` of a file; an end before that means that it has changed.
  mutating func read(
    _ file: SourceFile, index: Int, at offset: Int64, into target: UnsafeMutableRawBufferPointer
  ) throws(CreationError) {
    let descriptor = try descriptor(file, index: index)
    var done = 0
    while done < target.count {
      let count = unsafe pread(
        descriptor, target.baseAddress.map { unsafe $0 + done }, target.count - done,
        off_t(offset) + done)
      if count < 0 {
        if apus_errno() == EINTR { continue }
        throw .system(file.location)
      }
      guard count > 0 else { throw .changed(path: file.location) }
      done += count
    }
  }

  /// Has the system read a stretch of a file soon, if that file is open. Only a hint.
  func expect(index: Int, at offset: Int64, _ length: Int) {
    let slot = slots[index % slots.count]
    if slot.index == index { apus_will_need(slot.descriptor, off_t(offset), off_t(length)) }
  }

  private mutating func descriptor(_ file: SourceFile, index: Int) throws(CreationError) -> Int32 {
    let place = index % slots.count
    if slots[place].index == index { return slots[place].descriptor }
    close(place)
    var descriptor = unsafe apus_open(file.location, O_RDONLY, 0)
    if descriptor < 0, apus_errno() == EMFILE {
      for place in slots.indices { close(place) }
      descriptor = unsafe apus_open(file.location, O_RDONLY, 0)
    }
    guard descriptor >= 0 else { throw .system(file.location) }
    slots[place] = Slot(descriptor: descriptor, index: index)
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw .system(file.location) }
    guard FileStamp(status) == file.stamp else { throw .changed(path: file.location) }
    // Only a hint; where it is refused nothing is lost.
    _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
    return descriptor
  }

  private mutating func close(_ place: Int) {
    if slots[place].descriptor >= 0 { _ = Glibc.close(slots[place].descriptor) }
    slots[place] = Slot()
  }
}
