/**
 * Where each fact stands: names of `--query-gpu` (csv), of `-q -x` (XML paths) and of `-q` (keys in lower case with _),
 * over drivers 340 to 610. The first that is there counts.
 */
export const FIELD_NAMES = {
  index: ['index'],
  uuid: ['uuid', 'gpu_uuid'],
  name: ['name', 'gpu_name', 'product_name'],
  serial: ['serial', 'gpu_serial', 'serial_number'],
  pciBusId: ['pci.bus_id', 'gpu_bus_id', 'pci.pci_bus_id', 'pci_bus_id'],
  minorNumber: ['minor_number'],
  driverModel: ['driver_model.current', 'driver_model.current_dm'],
  'memory.total': ['memory.total', 'fb_memory_usage.total', 'memory_usage.total'],
  'memory.used': ['memory.used', 'fb_memory_usage.used', 'memory_usage.used'],
  'memory.free': ['memory.free', 'fb_memory_usage.free', 'memory_usage.free'],
  'memory.reserved': ['memory.reserved', 'fb_memory_usage.reserved'],
  'utilization.gpu': ['utilization.gpu', 'utilization.gpu_util'],
  'utilization.memory': ['utilization.memory', 'utilization.memory_util'],
  'temperature.gpu': ['temperature.gpu', 'temperature.gpu_temp', 'temperature.gpu_current_temp'],
  'temperature.memory': ['temperature.memory', 'temperature.memory_temp', 'temperature.memory_current_temp'],
  'temperature.slowdown': ['temperature.gpu_temp_slow_threshold', 'temperature.gpu_slowdown_temp'],
  'temperature.shutdown': ['temperature.gpu_temp_max_threshold', 'temperature.gpu_shutdown_temp'],
  'power.draw': [
    'power.draw', 'gpu_power_readings.power_draw', 'gpu_power_readings.average_power_draw', 'gpu_power_readings.instant_power_draw',
    'gpu_power_readings.instantaneous_power_draw', 'power_readings.power_draw', 'power.draw.average', 'power.draw.instant',
  ],
  'power.limit': ['power.limit', 'gpu_power_readings.current_power_limit', 'gpu_power_readings.power_limit', 'power_readings.power_limit', 'enforced.power.limit'],
  'power.maxLimit': ['power.max_limit', 'gpu_power_readings.max_power_limit', 'power_readings.max_power_limit'],
  fan: ['fan.speed', 'fan_speed'],
  performanceState: ['pstate', 'performance_state', 'gpu_power_readings.power_state', 'power_readings.power_state'],
  'clocks.graphics': ['clocks.current.graphics', 'clocks.gr', 'clocks.graphics', 'clocks.graphics_clock'],
  'clocks.sm': ['clocks.current.sm', 'clocks.sm', 'clocks.sm_clock'],
  'clocks.memory': ['clocks.current.memory', 'clocks.mem', 'clocks.memory', 'clocks.mem_clock'],
  'clocks.maxGraphics': ['clocks.max.graphics', 'clocks.max.gr', 'max_clocks.graphics', 'max_clocks.graphics_clock'],
  'clocks.maxSm': ['clocks.max.sm', 'max_clocks.sm', 'max_clocks.sm_clock'],
  'clocks.maxMemory': ['clocks.max.memory', 'clocks.max.mem', 'max_clocks.memory', 'max_clocks.mem_clock'],
  throttleMask: ['clocks_event_reasons.active', 'clocks_throttle_reasons.active'],
  'ecc.mode': ['ecc.mode.current', 'ecc_mode.current_ecc', 'ecc_mode.current'],
  'ecc.pending': ['ecc.mode.pending', 'ecc_mode.pending_ecc', 'ecc_mode.pending'],
  'retiredPages.singleBit': ['retired_pages.single_bit_ecc.count', 'retired_pages.sbe', 'retired_pages.multiple_single_bit_retirement.retired_count', 'retired_pages.single_bit_ecc'],
  'retiredPages.doubleBit': ['retired_pages.double_bit.count', 'retired_pages.dbe', 'retired_pages.double_bit_retirement.retired_count', 'retired_pages.double_bit_ecc'],
  'retiredPages.pending': ['retired_pages.pending', 'retired_pages.pending_retirement', 'retired_pages.pending_blacklist', 'retired_pages.pending_page_blacklist'],
  'remappedRows.correctable': ['remapped_rows.correctable', 'remapped_rows.remapped_row_corr', 'remapped_rows.correctable_error'],
  'remappedRows.uncorrectable': ['remapped_rows.uncorrectable', 'remapped_rows.remapped_row_unc', 'remapped_rows.uncorrectable_error'],
  'remappedRows.pending': ['remapped_rows.pending', 'remapped_rows.remapped_row_pending'],
  'remappedRows.failure': ['remapped_rows.failure', 'remapped_rows.remapped_row_failure', 'remapped_rows.remapping_failure_occurred'],
  recoveryAction: ['gpu_recovery_action'],
  resetRequired: ['reset_status.reset_required', 'gpu_reset_status.reset_required'],
  'pcie.generation': ['pcie.link.gen.current', 'pci.pci_gpu_link_info.pcie_gen.current_link_gen', 'pci.gpu_link_info.pcie_generation.current'],
  'pcie.maxGeneration': ['pcie.link.gen.max', 'pci.pci_gpu_link_info.pcie_gen.max_link_gen', 'pci.gpu_link_info.pcie_generation.max'],
  'pcie.width': ['pcie.link.width.current', 'pci.pci_gpu_link_info.link_widths.current_link_width', 'pci.gpu_link_info.link_width.current'],
  'pcie.maxWidth': ['pcie.link.width.max', 'pci.pci_gpu_link_info.link_widths.max_link_width', 'pci.gpu_link_info.link_width.max'],
  'pcie.replays': ['pcie.replay_counter', 'pci.replay_counter', 'pci.replays_since_reset'],
  'fabric.state': ['fabric.state'],
  'fabric.status': ['fabric.status'],
  'mig.mode': ['mig.mode.current', 'mig_mode.current_mig', 'mig_mode.current'],
  'mig.pending': ['mig.mode.pending', 'mig_mode.pending_mig', 'mig_mode.pending'],
} as const satisfies Record<string, readonly string[]>

export type Field = keyof typeof FIELD_NAMES

/** What one output says of one GPU: lower-case name or path -> value as printed. */
export type Said = ReadonlyMap<string, string>

export function sayingOf(said: Said, field: Field): string | null {
  let first: string | null = null
  for (const name of FIELD_NAMES[field]) {
    const value = said.get(name)
    if (value === undefined) continue
    // two names for one fact, of which one is retired: the other may still tell
    if (!/^\[?(n\/a|(the )?requested functionality has been deprecated)\]?$/i.test(value.trim())) return value
    first ??= value
  }
  return first
}
