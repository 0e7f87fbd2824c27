/** Outputs of our own making in the formats of nvidia-smi. UUIDs, serials and addresses are invented. */
const GPU_0 = 'GPU-11111111-2222-3333-4444-555555555555'
const GPU_1 = 'GPU-66666666-7777-8888-9999-aaaaaaaaaaaa'

const CSV = `index, uuid, name, driver_version, count, memory.total [MiB], memory.used [MiB], utilization.gpu [%], temperature.gpu, power.draw [W], clocks.current.sm [MHz], clocks_event_reasons.active, ecc.mode.current, ecc.errors.uncorrected.volatile.total, mig.mode.current, pci.bus_id
0, ${GPU_0}, NVIDIA A100-SXM4-40GB, 550.90.07, 2, 40960 MiB, 12 MiB, 3 %, 31, 51.75 W, 210 MHz, 0x0000000000000001, Enabled, 0, Disabled, 00000000:10:1C.0
1, ${GPU_1}, NVIDIA A100-SXM4-40GB, 550.90.07, 2, 40960 MiB, 812 MiB, 97 %, 66, 312.40 W, 1410 MHz, 0x0000000000000044, Enabled, 2, Disabled, 00000000:10:1D.0
`

const CSV_NOUNITS = `uuid, memory.total [MiB], utilization.gpu [%], fan.speed [%], power.draw [W], index, name
${GPU_0}, 15360, 0, [N/A], 9.31, 0, Tesla T4
${GPU_1}, 15360, [GPU is lost], [Unknown Error], [GPU requires reset], 1, Tesla T4
`

const LIST = `GPU 0: NVIDIA A100-SXM4-40GB (UUID: ${GPU_0})
  MIG 3g.20gb     Device  0: (UUID: MIG-01010101-0202-0303-0404-050505050505)
  MIG 1g.5gb+me   Device  1: (UUID: MIG-06060606-0707-0808-0909-0a0a0a0a0a0a)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: ${GPU_1})
`

const XML = `<?xml version="1.0" ?>
<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">
<nvidia_smi_log>
	<driver_version>550.90.07</driver_version>
	<cuda_version>12.4</cuda_version>
	<attached_gpus>2</attached_gpus>
	<gpu id="00000000:10:1C.0">
		<product_name>NVIDIA A100-SXM4-40GB</product_name>
		<mig_mode>
			<current_mig>Enabled</current_mig>
			<pending_mig>Enabled</pending_mig>
		</mig_mode>
		<mig_devices>
			<mig_device>
				<index>0</index>
				<gpu_instance_id>2</gpu_instance_id>
				<compute_instance_id>0</compute_instance_id>
				<fb_memory_usage>
					<total>19968 MiB</total>
					<used>25 MiB</used>
				</fb_memory_usage>
			</mig_device>
			<mig_device>
				<index>1</index>
				<gpu_instance_id>9</gpu_instance_id>
				<compute_instance_id>0</compute_instance_id>
				<fb_memory_usage>
					<total>4864 MiB</total>
					<used>6 MiB</used>
				</fb_memory_usage>
			</mig_device>
		</mig_devices>
		<serial>0123456789012</serial>
		<uuid>${GPU_0}</uuid>
		<minor_number>0</minor_number>
		<fb_memory_usage>
			<total>40960 MiB</total>
			<used>31 MiB</used>
		</fb_memory_usage>
		<utilization>
			<gpu_util>N/A</gpu_util>
		</utilization>
		<processes>
		</processes>
	</gpu>
	<gpu id="00000000:10:1D.0">
		<product_name>NVIDIA A100-SXM4-40GB</product_name>
		<mig_mode>
			<current_mig>Disabled</current_mig>
			<pending_mig>Enabled</pending_mig>
		</mig_mode>
		<mig_devices>
			None
		</mig_devices>
		<uuid>${GPU_1}</uuid>
		<minor_number>1</minor_number>
		<clocks_event_reasons>
			<clocks_event_reason_gpu_idle>Not Active</clocks_event_reason_gpu_idle>
			<clocks_event_reason_sw_power_cap>Active</clocks_event_reason_sw_power_cap>
		</clocks_event_reasons>
		<fb_memory_usage>
			<total>40960 MiB</total>
			<used>30114 MiB</used>
		</fb_memory_usage>
		<utilization>
			<gpu_util>98 %</gpu_util>
		</utilization>
		<ecc_mode>
			<current_ecc>Enabled</current_ecc>
			<pending_ecc>Disabled</pending_ecc>
		</ecc_mode>
		<ecc_errors>
			<volatile>
				<sram_correctable>0</sram_correctable>
				<sram_uncorrectable_parity>1</sram_uncorrectable_parity>
				<sram_uncorrectable_secded>0</sram_uncorrectable_secded>
				<dram_correctable>4</dram_correctable>
				<dram_uncorrectable>2</dram_uncorrectable>
			</volatile>
		</ecc_errors>
		<remapped_rows>
			<remapped_row_corr>0</remapped_row_corr>
			<remapped_row_unc>2</remapped_row_unc>
			<remapped_row_pending>Yes</remapped_row_pending>
			<remapped_row_failure>No</remapped_row_failure>
		</remapped_rows>
		<temperature>
			<gpu_temp>71 C</gpu_temp>
		</temperature>
		<gpu_power_readings>
			<power_draw>398.20 W</power_draw>
			<current_power_limit>400.00 W</current_power_limit>
		</gpu_power_readings>
		<processes>
			<process_info>
				<pid>4711</pid>
				<type>C</type>
				<process_name>python &lt;train&gt;</process_name>
				<used_memory>30106 MiB</used_memory>
			</process_info>
		</processes>
	</gpu>
</nvidia_smi_log>
`

const Q = `
==============NVSMI LOG==============

Timestamp                                              : Wed Aug 12 10:00:00 2026
Driver Version                                         : 610.57.04 [Deprecated; will be removed in CUDA 14.0. Use KMD Version instead]
CUDA Version                                           : 13.3 [Deprecated; will be removed in CUDA 14.0. Use CUDA UMD Version instead]
KMD Version                                            : 610.57.04
CUDA UMD Version                                       : 13.3

Attached GPUs                                          : 1
GPU 00000000:00:1E.0
    Product Name                                       : NVIDIA L4
    MIG Mode
        Current                                        : N/A
        Pending                                        : N/A
    Serial Number                                      : 0123456789012
    GPU UUID                                           : ${GPU_0}
    Minor Number                                       : 0
    Fan Speed                                          : N/A
    Clocks Event Reasons
        Idle                                           : Not Active
        HW Slowdown                                    : Active
            HW Thermal Slowdown                        : Active
            HW Power Brake Slowdown                    : Not Active
    FB Memory Usage
        Total                                          : 23034 MiB
        Reserved                                       : 460 MiB
        Used                                           : 1337 MiB
        Free                                           : 21238 MiB
    Utilization
        GPU                                            : 42 %
        Memory                                         : Unknown Error
    ECC Mode
        Current                                        : Enabled
        Pending                                        : Enabled
    Temperature
        GPU Current Temp                               : 84 C
        GPU T.Limit Temp                               : N/A
    GPU Power Readings
        Average Power Draw                             : 71,84 W
        Current Power Limit                            : 72.00 W
    Processes
        GPU instance ID                                : N/A
        Compute instance ID                            : N/A
        Process ID                                     : 4711
            Type                                       : C
            Name                                       : python
            Used GPU Memory                            : 1330 MiB
`

const TABLE = `Wed Aug 12 10:00:00 2026
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 550.90.07              Driver Version: 550.90.07      CUDA Version: 12.4     |
|-----------------------------------------+------------------------+----------------------+
| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |
|                                         |                        |               MIG M. |
|=========================================+========================+======================|
|   0  NVIDIA A100-SXM4-40GB          On  |   00000000:10:1C.0 Off |                   On |
| N/A   31C    P0             51W /  400W |      31MiB /  40960MiB |     N/A      Default |
|                                         |                        |              Enabled |
+-----------------------------------------+------------------------+----------------------+
|   1  ERR!                           On  |   00000000:10:1D.0 Off |                 ERR! |
|ERR!  ERR! ERR!            ERR! /  ERR! |       0MiB /  40960MiB |    ERR!      Default |
|                                         |                        |                 ERR! |
+-----------------------------------------+------------------------+----------------------+

+-----------------------------------------------------------------------------------------+
| MIG devices:                                                                            |
|==================+==================================+===========+=======================|
|  0    2   0   0  |              25MiB / 19968MiB    | 42      0 |  3   0    2    0    0 |
|                  |               0MiB / 32767MiB    |           |                       |
+------------------+----------------------------------+-----------+-----------------------+
`

const TOPO = '\t\u001b[4mGPU0\tGPU1\tNIC0\tmlx5_1\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID\u001b[0m\nGPU0\t X \tNV12\tPXB\tSYS\t0-23,48-71\t0\t\tN/A\nGPU1\tNV12\t X \tSYS\tPXB\t24-47\t1\t\tN/A\nNIC0\tPXB\tSYS\t X \tSYS\t\t\t\t\n\nLegend:\n\n  X    = Self\n'

const NVLINK = `GPU 0: NVIDIA A100-SXM4-40GB (UUID: ${GPU_0})
	 Link 0: 25 GB/s
	 Link 1: <inactive>
GPU 1: NVIDIA A100-SXM4-40GB (UUID: ${GPU_1})
	 Link 0: 25,781 GB/s
`

const VERSION = `NVIDIA-SMI version  : 610.57.04
NVML version        : 610.57
DRIVER version      : Deprecated, see "KMD version" instead
CUDA version        : Deprecated, see "CUDA UMD version" instead
KMD version         : 610.57.04
CUDA UMD version    : 13.3
`

const KERNEL = `[  123.456789] NVRM: Xid (PCI:0000:10:1c): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.
[  123.456999] nvidia-nvswitch0: SXid (PCI:0000:05:00.0): 20034, Fatal, Link 30 LTSSM Fault Up
`

const APPS = `pid, process_name, used_gpu_memory [MiB], gpu_uuid
4711, /opt/my env/python, 2296 MiB, ${GPU_0}
`

export const SAMPLES = { csv: CSV, csvNounits: CSV_NOUNITS, list: LIST, xml: XML, q: Q, table: TABLE, topo: TOPO, nvlink: NVLINK, version: VERSION, kernel: KERNEL, apps: APPS } as const
export const UUIDS = [GPU_0, GPU_1] as const
