/// A queue of bytes in one block of memory that grows up to what is needed and is then kept.
@safe
struct ByteRing: ~Copyable {
  private var base: UnsafeMutableRawPointer?
  private var capacity = 0
  /// Offset of the first byte.
  private var head = 0
  /// Bytes in it.
  private(set) var count = 0

  init() {}

  deinit { unsafe base?.deallocate() }

  /// Puts bytes behind what is there. O(bytes), amortised.
  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    reserve(count + bytes.count)
    guard let base = unsafe base, bytes.count > 0, let source = bytes.baseAddress else { return }
    let start = (head + count) & (capacity - 1)
    let first = min(bytes.count, capacity - start)
    unsafe (base + start).copyMemory(from: source, byteCount: first)
    if first < bytes.count {
      unsafe base.copyMemory(from: source + first, byteCount: bytes.count - first)
    }
    count += bytes.count
  }

  /// Copies `count` bytes, from the one at `offset` on, to `target`. They are there; else it traps.
  func copy(_ count: Int, at offset: Int, to target: UnsafeMutableRawPointer) {
    precondition(offset >= 0 && count >= 0 && offset + count <= self.count)
    guard let base = unsafe base, count > 0 else { return }
    let start = (head + offset) & (capacity - 1)
    let first = min(count, capacity - start)
    unsafe target.copyMemory(from: base + start, byteCount: first)
    if first < count { unsafe (target + first).copyMemory(from: base, byteCount: count - first) }
  }

  /// Drops bytes from the front.
  mutating func removeFirst(_ number: Int) {
    precondition(number >= 0 && number <= count)
    count -= number
    head = count == 0 ? 0 : (head + number) & (capacity - 1)
  }

  /// Moves bytes from the front to `target`; their count.
  mutating func read(into target: UnsafeMutableRawBufferPointer) -> Int {
    let number = min(count, target.count)
    guard number > 0, let start = target.baseAddress else { return 0 }
    unsafe copy(number, at: 0, to: start)
    removeFirst(number)
    return number
  }

  /// Gives the memory back if there is nothing in it.
  mutating func trim() {
    guard count == 0, capacity > 0 else { return }
    unsafe base?.deallocate()
    unsafe base = nil
    capacity = 0
  }

  private mutating func reserve(_ needed: Int) {
    guard needed > capacity else { return }
    var larger = max(capacity * 2, 4096)
    while larger < needed { larger *= 2 }
    let memory = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 64)
    unsafe copy(count, at: 0, to: memory)
    unsafe base?.deallocate()
    unsafe base = memory
    capacity = larger
    head = 0
  }
}
