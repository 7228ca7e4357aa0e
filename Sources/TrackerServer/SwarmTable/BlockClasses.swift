/// The sizes that blocks of peers come in, four steps a doubling from 32 bytes, and how a block of each is divided.
///
/// 16 bytes of header, two bytes a peer of notes, an index from addresses to positions in blocks that are too large
/// to be gone through (1.5 cells a peer), the addresses.
struct BlockGeometry: Sendable {
  static let headerSize = 16
  /// Peers in a block without an index, at most.
  static let mostWithoutIndex = 128

  var capacity: Int
  /// Cells of the index; 0 without one.
  var cells: Int
  /// Cells have four bytes, not two.
  var isWide: Bool
  var indexOffset: Int
  var addressesOffset: Int

  init(size: Int, isV6: Bool) {
    let stride = PeerAddress.size(isV6: isV6)
    let room = size - Self.headerSize
    capacity = room / (stride + 2)
    (cells, isWide) = (0, false)
    if capacity > Self.mostWithoutIndex {
      // Eight bytes for what rounding takes.
      capacity = (room - 8) / (stride + 5)
      isWide = capacity > Int(UInt16.max) - 1
      if isWide { capacity = (room - 8) / (stride + 8) }
      cells = capacity + capacity / 2
    }
    indexOffset = (Self.headerSize + 2 * capacity + 3) & ~3
    addressesOffset = indexOffset + cells * (isWide ? 4 : 2)
    if cells == 0 { addressesOffset = Self.headerSize + 2 * capacity }
    precondition(addressesOffset + capacity * stride <= size)
  }
}

/// All classes; a class is an index into these tables.
@safe
final class BlockClasses: @unchecked Sendable {
  /// Classes of which many blocks lie side by side: up to 64 KiB. The larger ones have a mapping each.
  static let slabs = 45
  /// Up to 2 GiB: a hundred million peers.
  static let count = 105
  /// Never changed once made; those of IPv4, then those of IPv6. What refers to one lives no longer than the table.
  private let geometries: UnsafeMutablePointer<BlockGeometry>

  init() {
    unsafe geometries = .allocate(capacity: 2 * Self.count)
    for number in 0..<2 * Self.count {
      let size = Self.size(of: number % Self.count)
      unsafe (geometries + number).initialize(to: BlockGeometry(size: size, isV6: number >= Self.count))
    }
  }

  deinit { unsafe geometries.deallocate() }

  static func size(of number: Int) -> Int { (4 + number % 4) << (3 + number / 4) }

  func geometry(_ number: Int, isV6: Bool) -> UnsafePointer<BlockGeometry> {
    precondition(number >= 0 && number < Self.count)
    return unsafe UnsafePointer(geometries + (isV6 ? Self.count + number : number))
  }

  /// The smallest class from `first` on with room for `count` peers.
  func fitting(_ count: Int, isV6: Bool, from first: Int = 0) -> Int {
    var number = first
    while unsafe geometry(number, isV6: isV6).pointee.capacity < count { number += 1 }
    return number
  }
}
