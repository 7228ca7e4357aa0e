/// Memory for packets that wait, shared by the connections of a socket.
struct BufferPool {
  private var free: [[UInt8]] = []
  /// Bytes that lie here unused.
  private var bytes = 0
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  mutating func take() -> [UInt8] {
    guard let buffer = free.popLast() else { return [] }
    bytes -= buffer.capacity
    return buffer
  }

  mutating func give(_ buffer: consuming [UInt8]) {
    guard bytes + buffer.capacity <= limit else { return }
    buffer.removeAll(keepingCapacity: true)
    bytes += buffer.capacity
    free.append(buffer)
  }
}

/// Packets that came before one that should have come first, by sequence number.
struct ReorderBuffer {
  private struct Slot {
    var bytes: [UInt8] = []
    var isHere = false
  }

  private var slots: [Slot] = []
  /// Packets here, their bytes, and the last of them.
  private(set) var count = 0
  private(set) var byteCount = 0
  private(set) var last: UInt16 = 0

  func contains(_ sequence: UInt16, after acknowledged: UInt16) -> Bool {
    let ahead = distance(sequence, from: acknowledged)
    return count > 0 && ahead > 0 && ahead <= slots.count && slots[Int(sequence) & (slots.count - 1)].isHere
  }

  /// Keeps a packet that is not here; `acknowledged` is the last that came in order.
  mutating func insert(
    _ sequence: UInt16, _ payload: UnsafeRawBufferPointer, after acknowledged: UInt16,
    _ pool: inout BufferPool
  ) {
    let ahead = distance(sequence, from: acknowledged)
    if ahead > slots.count { grow(ahead, after: acknowledged) }
    let index = Int(sequence) & (slots.count - 1)
    var bytes = pool.take()
    unsafe bytes.append(contentsOf: payload)
    slots[index].bytes = bytes
    slots[index].isHere = true
    if count == 0 || distance(sequence, from: last) > 0 { last = sequence }
    count += 1
    byteCount += payload.count
  }

  /// Moves a packet to the end of `ring`. False if it is not here.
  mutating func move(
    _ sequence: UInt16, after acknowledged: UInt16, to ring: inout ByteRing, _ pool: inout BufferPool
  ) -> Bool {
    guard contains(sequence, after: acknowledged) else { return false }
    let index = Int(sequence) & (slots.count - 1)
    var bytes: [UInt8] = []
    swap(&bytes, &slots[index].bytes)
    slots[index].isHere = false
    count -= 1
    byteCount -= bytes.count
    unsafe bytes.withUnsafeBytes { unsafe ring.append($0) }
    pool.give(bytes)
    return true
  }

  private mutating func grow(_ ahead: Int, after acknowledged: UInt16) {
    var size = max(slots.count * 2, 16)
    while size < ahead { size *= 2 }
    var larger = [Slot](repeating: Slot(), count: size)
    for step in 0..<slots.count {
      let sequence = acknowledged &+ UInt16(truncatingIfNeeded: step + 1)
      let index = Int(sequence) & (slots.count - 1)
      swap(&larger[Int(sequence) & (size - 1)], &slots[index])
    }
    slots = larger
  }
}
