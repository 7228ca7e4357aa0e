/// The memory of a shard's blocks: those of a class lie side by side without gaps, as the last one takes the place of
/// one that is freed. So what is used is what is needed, whatever came and went before.
struct BlockStore {
  /// Names a block until another of its class is freed.
  struct Name: Equatable {
    var number: UInt32
    var kind: UInt8
  }

  private struct Slab {
    var memory = GrowableMemory()
    var count = 0
  }

  let classes: BlockClasses
  private var slabs = [Slab](repeating: Slab(), count: BlockClasses.slabs)
  /// Blocks that are too large for slabs, and the free places among them.
  private var large: [GrowableMemory] = []
  private var freeLarge: [UInt32] = []

  init(classes: BlockClasses) { self.classes = classes }

  /// Bytes in use, pages begun included.
  var byteCount: Int {
    slabs.reduce(0) { $0 + $1.memory.touched } + large.reduce(0) { $0 + $1.touched }
  }

  func block(_ name: Name, isV6: Bool) -> PeerBlock {
    let kind = Int(name.kind)
    let geometry = unsafe classes.geometry(kind, isV6: isV6)
    guard kind < BlockClasses.slabs else {
      return unsafe PeerBlock(large[Int(name.number)].at(0), geometry, isV6: isV6)
    }
    let offset = Int(name.number) * BlockClasses.size(of: kind)
    return unsafe PeerBlock(slabs[kind].memory.at(offset), geometry, isV6: isV6)
  }

  /// An empty block with room for `count` peers.
  mutating func allocate(_ count: Int, isV6: Bool, owner: UInt32) -> Name {
    let kind = classes.fitting(count, isV6: isV6)
    let size = BlockClasses.size(of: kind)
    var name = Name(number: 0, kind: UInt8(kind))
    if kind < BlockClasses.slabs {
      name.number = UInt32(slabs[kind].count)
      slabs[kind].count += 1
      slabs[kind].memory.grow(to: slabs[kind].count * size)
    } else {
      if let free = freeLarge.popLast() {
        name.number = free
      } else {
        name.number = UInt32(large.count)
        large.append(GrowableMemory())
      }
      large[Int(name.number)].grow(to: size)
    }
    block(name, isV6: isV6).begin(owner: owner)
    return name
  }

  /// Frees a block. If another took its place: whose that is, which has to learn its new name, `name`.
  mutating func release(_ name: Name) -> UInt32? {
    let kind = Int(name.kind)
    guard kind < BlockClasses.slabs else {
      large[Int(name.number)].free()
      freeLarge.append(name.number)
      return nil
    }
    let size = BlockClasses.size(of: kind)
    slabs[kind].count -= 1
    let last = slabs[kind].count
    defer { slabs[kind].memory.trim(to: last * size) }
    guard last != Int(name.number) else { return nil }
    let place = unsafe slabs[kind].memory.at(Int(name.number) * size)
    unsafe place.copyMemory(from: slabs[kind].memory.at(last * size), byteCount: size)
    return unsafe place.load(as: UInt32.self)
  }

  mutating func free() {
    for kind in slabs.indices { slabs[kind].memory.free() }
    for number in large.indices { large[number].free() }
  }
}
