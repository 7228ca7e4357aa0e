internal import CLibuv

/// What all libuv handles share: memory that lives until libuv has let go of it, and a reference from
/// the handle to its Swift object that is dropped at closing.
///
/// Confined to its loop; the object stays alive while the handle is open.
@safe
public class LoopHandle {
  let pointer: UnsafeMutableRawPointer
  private var isOpen = true

  init(size: Int) {
    unsafe pointer = .allocate(byteCount: size, alignment: 16)
  }

  var handle: UnsafeMutablePointer<uv_handle_t> { unsafe pointer.assumingMemoryBound(to: uv_handle_t.self) }

  /// Ties the object to its handle, after libuv has initialised it.
  func tie() {
    unsafe handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
  }

  /// Closes the handle; nothing is called afterwards. Idempotent.
  public func close() {
    guard isOpen else { return }
    isOpen = false
    guard unsafe uv_is_closing(handle) == 0 else { return }
    unsafe uv_close(handle) { unsafe LoopHandle.release($0) }
  }

  /// The object behind a handle that libuv calls about.
  static func object(_ handle: UnsafeMutableRawPointer?) -> LoopHandle? {
    guard let data = unsafe handle?.assumingMemoryBound(to: uv_handle_t.self).pointee.data else { return nil }
    return unsafe Unmanaged<LoopHandle>.fromOpaque(data).takeUnretainedValue()
  }

  /// libuv is done with the handle: free it, drop the reference.
  static func release(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
    guard let handle = unsafe handle else { return }
    if let data = unsafe handle.pointee.data {
      let object = unsafe Unmanaged<LoopHandle>.fromOpaque(data).takeRetainedValue()
      object.isOpen = false
    }
    unsafe UnsafeMutableRawPointer(handle).deallocate()
  }
}
