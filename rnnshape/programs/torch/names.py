"""Names of torch that have no row: what they give is unknown, any other is no attribute."""

TENSOR_NAMES = frozenset(
    """
H addbmm addbmm_ addcdiv_ addcmul_ addmm_ addmv addmv_ addr addr_ adjoint aminmax apply_ arccosh
arccosh_ arcsinh arcsinh_ arctan2 arctan2_ arctanh arctanh_ argwhere as_strided as_strided_
as_strided_scatter as_subclass baddbmm_ bitwise_left_shift bitwise_left_shift_ bitwise_right_shift
bitwise_right_shift_ cauchy_ ccol_indices cdouble cfloat chalf cholesky cholesky_inverse
cholesky_solve clip_ coalesce col_indices conj conj_physical conj_physical_ const_data_ptr corrcoef
cov cross crow_indices cumprod_ cumsum_ data_ptr dense_dim dequantize det diag_embed diagflat
diagonal_scatter dim_order dist dsplit eig fill_diagonal_ fliplr flipud float_power float_power_
fmax fmin frexp gcd gcd_ geometric_ geqrf grad_dtype grad_fn greater greater_ greater_equal
greater_equal_ hardshrink hash_tensor heaviside heaviside_ histc histogram hsplit hypot_ igamma
igamma_ igammac igammac_ imag index index_add index_add_ index_copy index_copy_ index_fill
index_fill_ index_put index_put_ index_reduce index_reduce_ indices int_repr inverse ipu
is_coalesced is_conj is_cpu is_distributed is_inference is_ipu is_maia is_meta is_mkldnn is_mps
is_mtia is_neg is_nested is_nonzero is_pinned is_same_size is_set_to is_shared is_signed
is_sparse_csr is_vulkan is_xla is_xpu isclose isreal istft itemsize kron kthvalue layout lcm lcm_
ldexp ldexp_ lerp_ less less_ less_equal less_equal_ log_normal_ logaddexp2 logdet logical_not_
lstsq lu lu_solve map2_ map_ masked_scatter masked_scatter_ matrix_exp matrix_power module_load
msort mtia mvlgamma mvlgamma_ name nanquantile narrow_copy nbytes new_empty_strided nextafter
nextafter_ nonzero_static not_equal not_equal_ orgqr ormqr output_nr pinverse polygamma polygamma_
prelu put put_ q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale
q_zero_point qr qscheme quantile real record_stream register_hook register_post_accumulate_grad_hook
reinforce renorm renorm_ resize resize_ resize_as resize_as_ resize_as_sparse_ resolve_conj
resolve_neg retain_grad retains_grad rot90 row_indices scatter_reduce scatter_reduce_ select_scatter
set_ slice_inverse slice_scatter slogdet smm solve sparse_dim sparse_mask sparse_resize_
sparse_resize_and_clear_ sspaddmm stft storage storage_offset storage_type sum_to_size svd swapdims_
symeig take to_dense to_mkldnn to_padded_tensor to_sparse to_sparse_bsc to_sparse_bsr to_sparse_coo
to_sparse_csc to_sparse_csr trace triangular_solve tril_ triu_ unique_consecutive unsafe_chunk
unsafe_split unsafe_split_with_sizes untyped_storage values volatile vsplit xpu
""".split()  # noqa: SIM905
)

MODULE_NAMES = frozenset(
    """
T_destination _apply _call_impl _compiled_call_impl _get_backward_hooks _get_backward_pre_hooks
_load_from_state_dict _maybe_warn_non_full_backward_hook _named_members
_register_load_state_dict_pre_hook _register_state_dict_hook _replicate_for_data_parallel
_save_to_state_dict _slow_forward _version _wrapped_call_impl call_super_init dump_patches
get_buffer get_extra_state ipu mtia register_full_backward_pre_hook
register_load_state_dict_post_hook register_load_state_dict_pre_hook
register_state_dict_post_hook register_state_dict_pre_hook set_extra_state set_submodule xpu
""".split()  # noqa: SIM905
)
